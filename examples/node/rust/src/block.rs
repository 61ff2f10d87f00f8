//! A raw block in memory: the directory that `accel make-block --raw` writes (docs/raw-blocks.md).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::ffi;
use crate::{Hash, Id, Messages, PublicKey, Rule, Signature, Status};

// A header is a stranger's word. These bound what is allocated for it: 4 GiB for each file.
const MAX_ROWS: u64 = 1 << 26;
const MAX_MESSAGE_BYTES: u64 = 1 << 32;

pub struct Block {
    pub rule: Rule,
    pub id: Id,
    pub public_keys: Vec<PublicKey>,
    pub signatures: Vec<Signature>,
    pub data: Vec<u8>,
    /// Message i is `data[offsets[i]..offsets[i + 1]]`; checked: from 0, never decreasing, to the end.
    pub offsets: Vec<i64>,
    /// What verification has to give.
    pub statuses: Vec<Status>,
    /// The keys that are known.
    pub signers: Vec<PublicKey>,
    pub root: Hash,
}

impl Block {
    /// The error is a sentence that names the file.
    pub fn read(directory: &Path) -> Result<Self, String> {
        let header = read_file(directory, "header.bin", 64)?;
        let fail = |what: String| Err(format!("{}: {what}", directory.join("header.bin").display()));
        if &header[..8] != b"accelraw" {
            return fail("not a raw block".into());
        }
        let version = u32::from_le_bytes(arrays(&header[8..12])[0]);
        if version != 1 {
            return fail(format!("expected version 1, got {version}"));
        }
        let [rows, signers, message_bytes, id_length] =
            [16, 24, 32, 40].map(|at| u64::from_le_bytes(arrays(&header[at..at + 8])[0]));
        if rows > MAX_ROWS || signers > MAX_ROWS || message_bytes > MAX_MESSAGE_BYTES {
            return fail("larger than this program takes".into());
        }
        let id = if id_length == ffi::ACCEL_SM2_NO_ZA {
            Id::NoZa
        } else if id_length > ffi::ACCEL_SM2_MAX_ID_LENGTH {
            return fail("the ID is too long".into());
        } else {
            Id::Bytes(read_file(directory, "id.bin", id_length)?)
        };
        Ok(Block {
            rule: Rule(u32::from_le_bytes(arrays(&header[12..16])[0])),
            id,
            public_keys: arrays(&read_file(directory, "public_keys.bin", 64 * rows)?),
            signatures: arrays(&read_file(directory, "signatures.bin", 64 * rows)?),
            data: read_file(directory, "messages.bin", message_bytes)?,
            offsets: read_offsets(directory, rows, message_bytes)?,
            statuses: read_file(directory, "statuses.bin", rows)?
                .into_iter()
                .map(Status)
                .collect(),
            signers: arrays(&read_file(directory, "signers.bin", 64 * signers)?),
            root: arrays(&read_file(directory, "root.bin", 32)?)[0],
        })
    }

    pub fn rows(&self) -> usize {
        self.public_keys.len()
    }

    pub fn messages(&self) -> Messages<'_> {
        Messages::ragged(&self.data, &self.offsets)
    }

    pub fn message(&self, row: usize) -> &[u8] {
        &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

/// Arrays of N bytes, one after the other.
fn arrays<const N: usize>(bytes: &[u8]) -> Vec<[u8; N]> {
    bytes
        .chunks_exact(N)
        .map(|chunk| chunk.try_into().expect("a chunk has N bytes"))
        .collect()
}

fn read_offsets(directory: &Path, rows: u64, message_bytes: u64) -> Result<Vec<i64>, String> {
    let bytes = read_file(directory, "offsets.bin", 8 * (rows + 1))?;
    let offsets: Vec<_> = arrays(&bytes).into_iter().map(i64::from_le_bytes).collect();
    let increasing = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
    if !increasing || offsets.first() != Some(&0) || offsets.last() != Some(&(message_bytes as i64)) {
        let path = directory.join("offsets.bin");
        return Err(format!(
            "{}: expected 0 to {message_bytes} without a decrease",
            path.display()
        ));
    }
    Ok(offsets)
}

/// A file that has exactly `size` bytes.
fn read_file(directory: &Path, name: &str, size: u64) -> Result<Vec<u8>, String> {
    let path = directory.join(name);
    let read = || -> std::io::Result<(u64, Vec<u8>)> {
        let file = File::open(&path)?;
        let found = file.metadata()?.len();
        let mut content = Vec::new();
        if found == size {
            content.reserve_exact(size as usize);
            file.take(size).read_to_end(&mut content)?;
        }
        Ok((found, content))
    };
    let (found, content) = read().map_err(|error| format!("{}: {error}", path.display()))?;
    if found != size || content.len() as u64 != size {
        return Err(format!("{}: expected {size} bytes, got {found}", path.display()));
    }
    Ok(content)
}
