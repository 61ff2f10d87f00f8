/* What a caller of accel.h may do wrong, from C: NULL, odd addresses, no items, far too many, sizes and values that
 * nobody knows. Each gets the status that the header promises and a sentence that names the argument; nothing crashes.
 */
#include "check.h"
#include "fixture.h"
#include "tests.h"

int main(void) {
  test_status_names();
  test_library();
  test_symbols();
  make_fixture();
  test_sm3_streams();
  test_batches();
  test_ring_indices();
  test_message_length();
  test_layouts();
  test_keyrings();
  test_private_keys();
  test_encodings();
  test_verifiers();
  test_trees();
  test_tree_proofs();
  test_proof_fields();
  test_proof_verification();
  test_drivers();
  test_devices();
  test_streams();
  test_futures();
  free_fixture();
  check_coverage();
  return check_report();
}
