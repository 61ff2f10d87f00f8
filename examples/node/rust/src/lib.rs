//! What a node in Rust puts around libaccel: slices for arrays, handles that free themselves, errors for calls that did
//! not run. A bad signature is no error but a status, one for each item.
//!
//! Any number of threads may use any value at once: the library promises it, hence `Send` and `Sync`.

pub mod block;
pub mod ffi;

use std::ffi::CStr;
use std::fmt;
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int};
use std::ptr::{self, NonNull};

pub const HASH_SIZE: usize = ffi::ACCEL_SM3_SIZE as usize;

/// x || y
pub type PublicKey = [u8; 64];
/// r || s
pub type Signature = [u8; 64];
pub type Hash = [u8; HASH_SIZE];

/// # Safety
/// `text` is a C string that outlives the call.
unsafe fn owned(text: *const c_char) -> String {
    CStr::from_ptr(text).to_string_lossy().into_owned()
}

/// What an item is. The byte that the library writes; 0, not checked, is never success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Status(pub u8);

impl Status {
    pub const NOT_CHECKED: Status = Status(ffi::ACCEL_NOT_CHECKED as u8);
    pub const OK: Status = Status(ffi::ACCEL_OK as u8);
    pub const BAD_SIGNATURE: Status = Status(ffi::ACCEL_BAD_SIGNATURE as u8);
    pub const BAD_KEY: Status = Status(ffi::ACCEL_BAD_KEY as u8);
    pub const BAD_RANGE: Status = Status(ffi::ACCEL_BAD_RANGE as u8);
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: takes any number and gives a static string.
        f.write_str(&unsafe { owned(ffi::accel_status_name(c_int::from(self.0))) })
    }
}

/// A call that did not run.
#[derive(Debug)]
pub struct Error {
    pub status: u32,
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Status(self.status as u8), self.message)
    }
}

impl std::error::Error for Error {}

/// `accel_last_error` belongs to the thread and to its last call: this reads it at once.
fn check(status: ffi::accel_status) -> Result<(), Error> {
    if status == ffi::ACCEL_OK {
        return Ok(());
    }
    // SAFETY: a C string that is valid until this thread's next call.
    let message = unsafe { owned(ffi::accel_last_error()) };
    Err(Error { status, message })
}

/// Is the library that was loaded the one that this was compiled for? Call it first.
pub fn require_abi() -> Result<(), Error> {
    // SAFETY: a number.
    check(unsafe { ffi::accel_require_abi(ffi::ACCEL_ABI_VERSION) })
}

/// Version of the library that was loaded.
pub fn version() -> String {
    // SAFETY: a static string.
    unsafe { owned(ffi::accel_version()) }
}

/// The signers' ID, which is part of what they sign.
#[derive(Clone, Debug)]
pub enum Id {
    Bytes(Vec<u8>),
    /// Signatures over SM3(M) alone.
    NoZa,
}

impl Id {
    fn as_ptr(&self) -> *const u8 {
        match self {
            Id::Bytes(bytes) => bytes.as_ptr(),
            Id::NoZa => ptr::null(),
        }
    }
    fn length(&self) -> u64 {
        match self {
            Id::Bytes(bytes) => bytes.len() as u64,
            Id::NoZa => ffi::ACCEL_SM2_NO_ZA,
        }
    }
}

impl Default for Id {
    /// The standard's.
    fn default() -> Self {
        Id::Bytes(b"1234567812345678".to_vec())
    }
}

/// A batch of messages where they lie.
pub struct Messages<'a> {
    raw: ffi::accel_messages,
    count: usize,
    // What `raw` points to.
    _pointers: Vec<*const u8>,
    _lengths: Vec<u64>,
    _borrowed: PhantomData<&'a [u8]>,
}

// SAFETY: only read, like the slices that it borrows.
unsafe impl Send for Messages<'_> {}
unsafe impl Sync for Messages<'_> {}

const NO_MESSAGES: ffi::accel_messages = ffi::accel_messages {
    struct_size: std::mem::size_of::<ffi::accel_messages>() as u32,
    layout: ffi::ACCEL_LAYOUT_RAGGED64,
    data: ptr::null(),
    data_size: 0,
    stride: 0,
    length: 0,
    offsets: ptr::null(),
    pointers: ptr::null(),
    lengths: ptr::null(),
};

impl<'a> Messages<'a> {
    /// Message i is `data[offsets[i]..offsets[i + 1]]`. The library checks the offsets.
    pub fn ragged(data: &'a [u8], offsets: &'a [i64]) -> Self {
        let raw = ffi::accel_messages {
            data: data.as_ptr(),
            data_size: data.len() as u64,
            offsets: offsets.as_ptr().cast(),
            ..NO_MESSAGES
        };
        Messages {
            raw,
            count: offsets.len().saturating_sub(1),
            _pointers: Vec::new(),
            _lengths: Vec::new(),
            _borrowed: PhantomData,
        }
    }

    pub fn from_slices(messages: &[&'a [u8]]) -> Self {
        let pointers: Vec<_> = messages.iter().map(|message| message.as_ptr()).collect();
        let lengths: Vec<_> = messages.iter().map(|message| message.len() as u64).collect();
        let raw = ffi::accel_messages {
            layout: ffi::ACCEL_LAYOUT_POINTERS,
            pointers: pointers.as_ptr(),
            lengths: lengths.as_ptr(),
            ..NO_MESSAGES
        };
        Messages {
            raw,
            count: messages.len(),
            _pointers: pointers,
            _lengths: lengths,
            _borrowed: PhantomData,
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

fn require_count(name: &str, got: usize, wanted: usize) -> Result<(), Error> {
    if got == wanted {
        return Ok(());
    }
    Err(Error {
        status: ffi::ACCEL_BAD_ARGUMENT,
        message: format!("{name}: expected {wanted}, one for each message, got {got}"),
    })
}

/// The SM3 digests of the messages.
pub fn hash_many(messages: &Messages) -> Result<Vec<Hash>, Error> {
    let mut digests = vec![[0; HASH_SIZE]; messages.len()];
    // SAFETY: `digests` has the size that the library writes, `messages` borrows what it points to.
    check(unsafe {
        ffi::accel_sm3_hash_messages(
            ptr::null_mut(),
            digests.as_mut_ptr().cast(),
            &messages.raw,
            messages.len() as u64,
        )
    })?;
    Ok(digests)
}

/// One status for each signature, each with a key of its own.
pub fn verify_many(
    keys: &[PublicKey],
    signatures: &[Signature],
    messages: &Messages,
    id: &Id,
) -> Result<Vec<Status>, Error> {
    require_count("keys", keys.len(), messages.len())?;
    require_count("signatures", signatures.len(), messages.len())?;
    let mut statuses = vec![Status::NOT_CHECKED; messages.len()];
    // SAFETY: all arrays have one item for each message; Status is a byte.
    check(unsafe {
        ffi::accel_sm2_verify_many(
            ptr::null_mut(),
            statuses.as_mut_ptr().cast(),
            keys.as_ptr().cast(),
            64,
            signatures.as_ptr().cast(),
            64,
            &messages.raw,
            id.as_ptr(),
            id.length(),
            messages.len() as u64,
        )
    })?;
    Ok(statuses)
}

/// Known signers: their keys checked once, tables kept. Verification by it is several times faster.
pub struct KeyRing(NonNull<ffi::accel_sm2_keyring>);

// SAFETY: accel.h: a ring may be used by any number of threads, and freed by any when none uses it.
unsafe impl Send for KeyRing {}
unsafe impl Sync for KeyRing {}

impl KeyRing {
    /// A key that is no point of the curve is an error. `memory_limit` is in bytes, for tables; 0 is the default of 1 GiB.
    pub fn new(keys: &[PublicKey], id: &Id, memory_limit: u64) -> Result<Self, Error> {
        let mut ring = ptr::null_mut();
        // SAFETY: the arrays have the sizes that are given; the library keeps copies.
        check(unsafe {
            ffi::accel_sm2_keyring_new(
                ptr::null_mut(),
                &mut ring,
                ptr::null_mut(),
                keys.as_ptr().cast(),
                64,
                id.as_ptr(),
                id.length(),
                memory_limit,
                keys.len() as u64,
            )
        })?;
        Ok(KeyRing(NonNull::new(ring).expect("a call that ran gives a ring")))
    }

    /// Item i is checked against key `indices[i]` of the ring.
    pub fn verify_many(
        &self,
        indices: &[u32],
        signatures: &[Signature],
        messages: &Messages,
    ) -> Result<Vec<Status>, Error> {
        require_count("indices", indices.len(), messages.len())?;
        require_count("signatures", signatures.len(), messages.len())?;
        let mut statuses = vec![Status::NOT_CHECKED; messages.len()];
        // SAFETY: all arrays have one item for each message; the library checks the indices.
        check(unsafe {
            ffi::accel_sm2_keyring_verify_many(
                ptr::null_mut(),
                statuses.as_mut_ptr().cast(),
                self.0.as_ptr(),
                indices.as_ptr(),
                signatures.as_ptr().cast(),
                64,
                &messages.raw,
                messages.len() as u64,
            )
        })?;
        Ok(statuses)
    }
}

impl Drop for KeyRing {
    fn drop(&mut self) {
        // SAFETY: made by accel_sm2_keyring_new, freed once.
        unsafe { ffi::accel_sm2_keyring_free(self.0.as_ptr()) }
    }
}

/// Rule of a Merkle tree: accel_merkle_rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule(pub u32);

impl Rule {
    pub const RFC9162: Rule = Rule(ffi::ACCEL_MERKLE_RFC9162);
    pub const CHAINMAKER: Rule = Rule(ffi::ACCEL_MERKLE_CHAINMAKER);
    pub const BCOS: Rule = Rule(ffi::ACCEL_MERKLE_BCOS);

    /// An error for a number that is no rule's.
    pub fn name(self) -> Result<String, Error> {
        let mut name = ptr::null();
        // SAFETY: on success the name is a static string.
        unsafe {
            check(ffi::accel_merkle_rule_name(&mut name, self.0))?;
            Ok(owned(name))
        }
    }
}

/// A Merkle tree that keeps its right edge: enough for the root.
pub struct RootTree(NonNull<ffi::accel_merkle_tree>);

// SAFETY: accel.h: any number of threads may use a tree, also while some of them append.
unsafe impl Send for RootTree {}
unsafe impl Sync for RootTree {}

impl RootTree {
    pub fn new(rule: Rule) -> Result<Self, Error> {
        let mut tree = ptr::null_mut();
        // SAFETY: a pointer to write to, and numbers.
        check(unsafe { ffi::accel_merkle_tree_new(ptr::null_mut(), &mut tree, rule.0, ffi::ACCEL_MERKLE_KEEP_ROOT) })?;
        Ok(RootTree(NonNull::new(tree).expect("a call that ran gives a tree")))
    }

    pub fn append(&self, leaves: &Messages) -> Result<(), Error> {
        // SAFETY: `leaves` borrows what it points to.
        check(unsafe { ffi::accel_merkle_tree_append(self.0.as_ptr(), &leaves.raw, leaves.len() as u64) })
    }

    pub fn root(&self) -> Result<Hash, Error> {
        let mut root = [0; HASH_SIZE];
        // SAFETY: 32 bytes; the size is not asked for.
        check(unsafe { ffi::accel_merkle_tree_head(self.0.as_ptr(), root.as_mut_ptr(), ptr::null_mut()) })?;
        Ok(root)
    }
}

impl Drop for RootTree {
    fn drop(&mut self) {
        // SAFETY: made by accel_merkle_tree_new, freed once.
        unsafe { ffi::accel_merkle_tree_free(self.0.as_ptr()) }
    }
}
