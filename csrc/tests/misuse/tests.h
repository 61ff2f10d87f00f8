/* The parts of the program. */
#ifndef ACCEL_TESTS_MISUSE_TESTS_H
#define ACCEL_TESTS_MISUSE_TESTS_H

#include <stdbool.h>
#include <stddef.h>

#include "accel/accel.h"

void test_status_names(void);
void test_library(void);
void test_symbols(void);
void test_sm3_streams(void);
void test_batches(void);
void test_ring_indices(void);
void test_message_length(void);
void test_layouts(void);
void test_keyrings(void);
void test_private_keys(void);
void test_encodings(void);
void test_verifiers(void);
void test_trees(void);
void test_tree_proofs(void);
void test_proof_fields(void);
void test_proof_verification(void);
void test_drivers(void);
void test_devices(void);
void test_streams(void);
void test_futures(void);

/* The i-th way to get accel_messages wrong for COUNT messages; false when there are no more. */
bool bad_view(size_t i, accel_messages* view);

#endif
