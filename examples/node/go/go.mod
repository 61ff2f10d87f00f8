module verifyblock

go 1.19
