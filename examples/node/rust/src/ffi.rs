//! The functions of accel.h that the wrappers use, as C has them. `tests/ffi.rs` holds every line against the header.
#![allow(non_camel_case_types)]

use std::os::raw::{c_char, c_int, c_uint};

pub type accel_status = c_uint;

#[repr(C)]
pub struct accel_device {
    _private: [u8; 0],
}
#[repr(C)]
pub struct accel_sm2_keyring {
    _private: [u8; 0],
}
#[repr(C)]
pub struct accel_merkle_tree {
    _private: [u8; 0],
}

#[repr(C)]
pub struct accel_messages {
    pub struct_size: u32,
    pub layout: u32,
    pub data: *const u8,
    pub data_size: u64,
    pub stride: u64,
    pub length: u64,
    pub offsets: *const std::os::raw::c_void,
    pub pointers: *const *const u8,
    pub lengths: *const u64,
}

pub const ACCEL_ABI_VERSION: u32 = 1;
pub const ACCEL_NOT_CHECKED: u32 = 0;
pub const ACCEL_OK: u32 = 1;
pub const ACCEL_BAD_SIGNATURE: u32 = 2;
pub const ACCEL_BAD_KEY: u32 = 3;
pub const ACCEL_BAD_RANGE: u32 = 4;
pub const ACCEL_BAD_ARGUMENT: u32 = 16;
pub const ACCEL_LAYOUT_RAGGED64: u32 = 2;
pub const ACCEL_LAYOUT_POINTERS: u32 = 3;
pub const ACCEL_SM3_SIZE: u32 = 32;
pub const ACCEL_SM2_MAX_ID_LENGTH: u64 = 8191;
pub const ACCEL_SM2_NO_ZA: u64 = u64::MAX;
pub const ACCEL_MERKLE_RFC9162: u32 = 1;
pub const ACCEL_MERKLE_CHAINMAKER: u32 = 2;
pub const ACCEL_MERKLE_BCOS: u32 = 3;
pub const ACCEL_MERKLE_KEEP_ROOT: u32 = 2;

#[rustfmt::skip]
extern "C" {
    pub fn accel_require_abi(abi_version: u32) -> accel_status;
    pub fn accel_version() -> *const c_char;
    pub fn accel_status_name(status: c_int) -> *const c_char;
    pub fn accel_last_error() -> *const c_char;

    pub fn accel_sm3_hash_messages(device: *mut accel_device, digests_out: *mut u8, messages: *const accel_messages,
                                   count: u64) -> accel_status;

    pub fn accel_sm2_verify_many(device: *mut accel_device, status_out: *mut u8, keys: *const u8, keys_stride: u64,
                                 signatures: *const u8, signatures_stride: u64, messages: *const accel_messages,
                                 id: *const u8, id_length: u64, count: u64) -> accel_status;
    pub fn accel_sm2_keyring_new(device: *mut accel_device, ring_out: *mut *mut accel_sm2_keyring,
                                 bad_index_out: *mut u64, public_keys: *const u8, public_keys_stride: u64,
                                 id: *const u8, id_length: u64, memory_limit: u64, count: u64) -> accel_status;
    pub fn accel_sm2_keyring_free(ring: *mut accel_sm2_keyring);
    pub fn accel_sm2_keyring_verify_many(device: *mut accel_device, status_out: *mut u8,
                                         ring: *const accel_sm2_keyring, indices: *const u32, signatures: *const u8,
                                         signatures_stride: u64, messages: *const accel_messages,
                                         count: u64) -> accel_status;

    pub fn accel_merkle_rule_name(name_out: *mut *const c_char, rule: u32) -> accel_status;
    pub fn accel_merkle_tree_new(device: *mut accel_device, tree_out: *mut *mut accel_merkle_tree, rule: u32,
                                 keep: u32) -> accel_status;
    pub fn accel_merkle_tree_free(tree: *mut accel_merkle_tree);
    pub fn accel_merkle_tree_append(tree: *mut accel_merkle_tree, leaves: *const accel_messages,
                                    count: u64) -> accel_status;
    pub fn accel_merkle_tree_head(tree: *const accel_merkle_tree, root_out: *mut u8,
                                  size_out: *mut u64) -> accel_status;
}
