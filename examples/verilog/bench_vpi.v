// The core against the golden functions over VPI, in Icarus Verilog. $golden_sm3_compress is in golden_vpi.c.
`timescale 1ns / 1ps
module bench_vpi;
  reg clk = 0, reset = 1, start = 0;
  reg [255:0] state_in, expected;
  reg [511:0] block;
  wire busy, done;
  wire [255:0] state_out;
  integer i, j, errors = 0;
  localparam BLOCKS = 200;

  sm3_core core (
      .clk(clk), .reset(reset), .start(start), .state_in(state_in), .block(block),
      .busy(busy), .done(done), .state_out(state_out)
  );
  always #5 clk = !clk;

  initial begin
    repeat (3) @(negedge clk);
    reset = 0;
    state_in = 256'h7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e;
    for (i = 0; i < BLOCKS; i = i + 1) begin
      for (j = 0; j < 16; j = j + 1) block[32*j+:32] = $random;
      if (i == 0) block = {32'h61626380, 416'b0, 64'd24};  // "abc", padded: the standard's first example
      start = 1;
      @(negedge clk);
      start = 0;
      while (!done) @(negedge clk);
      $golden_sm3_compress(expected, state_in, block);
      if (state_out !== expected) begin
        errors = errors + 1;
        if (errors < 5) $display("block %0d: expected %h, got %h", i, expected, state_out);
      end
      if (i == 0) $display("SM3(abc) = %h", state_out);
      state_in = expected;
    end
    if (errors == 0) $display("PASSED: %0d blocks", BLOCKS);
    else $display("FAILED: %0d of %0d blocks", errors, BLOCKS);
    $finish;
  end
endmodule
