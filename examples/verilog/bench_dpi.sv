// The core against the golden functions over DPI-C, in Verilator: every round of it, not its result alone.
`timescale 1ns / 1ps
module bench_dpi;
  import accel_golden_pkg::*;
  bit clk = 0, reset = 1, start = 0;
  bit [255:0] state_in;
  bit [511:0] block;
  wire busy, done;
  wire [255:0] state_out;
  int errors = 0;
  localparam int BLOCKS = 200;
  golden_sm3_compression_t trace;
  golden_state_t initial_state;
  golden_bytes64_t bytes;

  sm3_core core (.*);
  always #5 clk = !clk;

  // The bench has register A on top, the golden functions have it as element 0.
  function automatic golden_state_t turned(bit [255:0] state);
    for (int i = 0; i < 8; i++) turned[i] = state[255-32*i-:32];
  endfunction

  task automatic compare(string what, bit [255:0] got, golden_state_t expected);
    if (turned(got) !== expected) begin
      errors++;
      if (errors < 5) $display("%s: expected %h, got %h", what, turned(expected), got);
    end
  endtask

  initial begin
    repeat (3) @(negedge clk);
    reset = 0;
    state_in = 256'h7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e;
    for (int i = 0; i < BLOCKS; i++) begin
      for (int j = 0; j < 16; j++) block[32*j+:32] = $urandom;
      if (i == 0) block = {32'h6162_6380, 416'd0, 64'd24};  // "abc", padded: the standard's first example
      initial_state = turned(state_in);
      for (int j = 0; j < 64; j++) bytes[j] = block[511-8*j-:8];
      trace = '0;
      trace.struct_size = $bits(trace) / 8;
      if (accel_golden_sm3_compress_trace(trace, initial_state, bytes) != GOLDEN_OK) $fatal(1, "the golden function refuses");
      start = 1;
      @(negedge clk);
      start = 0;
      for (int round = 0; round < 64; round++) begin
        @(negedge clk);
        compare($sformatf("block %0d, round %0d", i, round),
                {core.a, core.b, core.c, core.d, core.e, core.f, core.g, core.h}, trace.registers[round+1]);
      end
      @(negedge clk);
      if (!done) $fatal(1, "the core takes more than 65 clocks");
      compare($sformatf("block %0d", i), state_out, trace.state);
      if (i == 0) $display("SM3(abc) = %h", state_out);
      state_in = state_out;
    end
    if (errors == 0) $display("PASSED: %0d blocks, every round", BLOCKS);
    else $display("FAILED: %0d differences", errors);
    $finish;
  end
endmodule
