/* System tasks that give Verilog the golden functions: $golden_sm3_compress(state_out, state_in, block). */
#include <accel/golden.h>
#include <string.h>
#include <vpi_user.h>

/* The next argument: `count` words of 32 bits, the lowest first. x and z count as 1 and 0. */
static void get(vpiHandle arguments, uint32_t* words, int count) {
  s_vpi_value value = {.format = vpiVectorVal};
  vpi_get_value(vpi_scan(arguments), &value);
  for (int i = 0; i < count; i++) words[i] = (uint32_t)value.value.vector[i].aval;
}

/* The bench has register A on top; the golden functions have it first. */
static void turn(uint32_t state[8]) {
  for (int i = 0; i < 4; i++) {
    const uint32_t word = state[i];
    state[i] = state[7 - i];
    state[7 - i] = word;
  }
}

static PLI_INT32 compress(PLI_BYTE8* data) {
  (void)data;
  vpiHandle arguments = vpi_iterate(vpiArgument, vpi_handle(vpiSysTfCall, NULL));
  vpiHandle result = vpi_scan(arguments);
  uint32_t before[8], words[16], after[8];
  uint8_t block[64];
  get(arguments, before, 8);
  get(arguments, words, 16);
  vpi_free_object(arguments);
  turn(before);
  for (int i = 0; i < 64; i++) block[i] = (uint8_t)(words[15 - i / 4] >> (24 - 8 * (i % 4)));
  accel_golden_sm3_compress(after, before, block);
  turn(after);
  s_vpi_vecval vector[8];
  for (int i = 0; i < 8; i++) vector[i] = (s_vpi_vecval){.aval = (PLI_INT32)after[i], .bval = 0};
  s_vpi_value value = {.format = vpiVectorVal, .value.vector = vector};
  vpi_put_value(result, &value, NULL, vpiNoDelay);
  return 0;
}

static void register_tasks(void) {
  s_vpi_systf_data task = {.type = vpiSysTask, .tfname = "$golden_sm3_compress", .calltf = compress};
  vpi_register_systf(&task);
}

void (*vlog_startup_routines[])(void) = {register_tasks, 0};
