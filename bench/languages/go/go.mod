module calls

go 1.19

require verifyblock v0.0.0

replace verifyblock => ../../../examples/node/go
