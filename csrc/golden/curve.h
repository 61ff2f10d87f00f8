/* The curve y^2 = x^3 + a x + b of GB/T 32918.5-2017, section 4.2, with the base point G. */
#ifndef ACCEL_GOLDEN_CURVE_H
#define ACCEL_GOLDEN_CURVE_H

#include "modular.h"

static const number kA = {
    {0xfffffffc, 0xffffffff, 0x00000000, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xfffffffe}};
static const number kB = {
    {0x4d940e93, 0xddbcbd41, 0x15ab8f92, 0xf39789f5, 0xcf6509a7, 0x4d5a9e4b, 0x9d9f5e34, 0x28e9fa9e}};
/* x, y */
static const uint32_t kG[16] = {0x334c74c7, 0x715a4589, 0xf2660be1, 0x8fe30bbf, 0x6a39c994, 0x5f990446,
                                0x1f198119, 0x32c4ae2c, 0x2139f0a0, 0x02df32e5, 0xc62a4740, 0xd0a9877c,
                                0x6b692153, 0x59bdcee3, 0xf4f6779c, 0xbc3736a2};

#endif
