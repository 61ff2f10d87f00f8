// SM3's compression function (GB/T 32905-2016, section 5.3), one round per clock: a block goes in with `start`, and 65
// clocks later `done` says that state_out holds CF(state_in, block). Verilog-2001.
//
// Word j of a block stands at bits [511 - 32 j -: 32], register A at [255:224], H at [31:0]: as written in the standard.
`timescale 1ns / 1ps
module sm3_core (
    input  wire         clk,
    input  wire         reset,
    input  wire         start,
    input  wire [255:0] state_in,
    input  wire [511:0] block,
    output reg          busy,
    output reg          done,
    output reg  [255:0] state_out
);
  reg [31:0] a, b, c, d, e, f, g, h;
  reg [511:0] w;  // W_j to W_{j+15}
  reg [255:0] held;
  reg [6:0] round;

  function [31:0] rotate(input [31:0] x, input integer count);
    rotate = (x << count) | (x >> (32 - count));
  endfunction
  function [31:0] p0(input [31:0] x);
    p0 = x ^ rotate(x, 9) ^ rotate(x, 17);
  endfunction
  function [31:0] p1(input [31:0] x);
    p1 = x ^ rotate(x, 15) ^ rotate(x, 23);
  endfunction

  // Section 5.3.2: the next expanded word, and W'_j.
  wire [31:0] w0 = w[511:480], w3 = w[415:384], w4 = w[383:352], w7 = w[287:256], w10 = w[191:160], w13 = w[95:64];
  wire [31:0] w_next = p1(w0 ^ w7 ^ rotate(w13, 15)) ^ rotate(w3, 7) ^ w10;
  wire [31:0] w_prime = w0 ^ w4;

  // Section 5.3.3. T_j rotates by one bit in each round.
  wire early = round < 16;
  reg [31:0] t;
  wire [31:0] ss1 = rotate(rotate(a, 12) + e + t, 7);
  wire [31:0] ss2 = ss1 ^ rotate(a, 12);
  wire [31:0] ff = early ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
  wire [31:0] gg = early ? e ^ f ^ g : (e & f) | (~e & g);
  wire [31:0] tt1 = ff + d + ss2 + w_prime;
  wire [31:0] tt2 = gg + h + ss1 + w0;
`ifdef BROKEN
  wire [31:0] c_next = rotate(b, 8);  // so that the bench can be seen to fail
`else
  wire [31:0] c_next = rotate(b, 9);
`endif

  always @(posedge clk) begin
    done <= 0;
    if (reset) begin
      busy <= 0;
    end else if (start && !busy) begin
      {a, b, c, d, e, f, g, h} <= state_in;
      held <= state_in;
      w <= block;
      t <= 32'h79CC4519;
      round <= 0;
      busy <= 1;
    end else if (busy && round < 64) begin
      {a, b, c, d} <= {tt1, a, c_next, c};
      {e, f, g, h} <= {p0(tt2), e, rotate(f, 19), g};
      w <= {w[479:0], w_next};
      // Before round 16 the other constant takes its place, rotated by 16.
      t <= round == 15 ? rotate(32'h7A879D8A, 16) : rotate(t, 1);
      round <= round + 1;
    end else if (busy) begin
      state_out <= held ^ {a, b, c, d, e, f, g, h};
      busy <= 0;
      done <= 1;
    end
  end
endmodule
