//! Times calls from Rust for bench/languages.py: see ../c/calls.c.

use std::collections::HashMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;

use accel::block::Block;
use accel::{Hash, KeyRing, Messages, Status};

#[repr(C)]
struct Timespec {
    seconds: std::os::raw::c_long,
    nanoseconds: std::os::raw::c_long,
}

extern "C" {
    fn clock_gettime(clock: std::os::raw::c_int, time: *mut Timespec) -> std::os::raw::c_int;
}

const CLOCK_PROCESS_CPUTIME_ID: std::os::raw::c_int = 2; // Linux

fn now() -> i64 {
    let mut time = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: a struct timespec to write to (64-bit Linux).
    unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.seconds * 1_000_000_000 + time.nanoseconds
}

struct Work<'a> {
    block: &'a Block,
    messages: Messages<'a>,
    ring: KeyRing,
    indices: Vec<u32>,
    digests: Vec<Hash>,
}

impl<'a> Work<'a> {
    fn new(block: &'a Block, ring_bytes: u64) -> Result<Self, Box<dyn Error>> {
        let index: HashMap<_, u32> = block.signers.iter().zip(0..).collect();
        let messages = block.messages();
        Ok(Work {
            block,
            ring: KeyRing::new(&block.signers, &block.id, ring_bytes)?,
            indices: block.public_keys.iter().map(|key| index[key]).collect(),
            digests: accel::hash_many(&messages)?,
            messages,
        })
    }

    fn check(&self, statuses: &[Status]) -> Result<(), Box<dyn Error>> {
        match statuses == self.block.statuses {
            true => Ok(()),
            false => Err("a wrong verdict".into()),
        }
    }

    /// Nanoseconds of one call.
    fn call(&self, task: &str) -> Result<i64, Box<dyn Error>> {
        let block = self.block;
        let started = now();
        let ended = match task {
            "keys" => {
                let statuses = accel::verify_many(&block.public_keys, &block.signatures, &self.messages, &block.id)?;
                let ended = now();
                self.check(&statuses)?;
                ended
            }
            "ring" => {
                let statuses = self
                    .ring
                    .verify_many(&self.indices, &block.signatures, &self.messages)?;
                let ended = now();
                self.check(&statuses)?;
                ended
            }
            "hash" => {
                let digests = accel::hash_many(&self.messages)?;
                let ended = now();
                if digests != self.digests {
                    return Err("another digest".into());
                }
                ended
            }
            _ => return Err(format!("no such task: {task}").into()),
        };
        Ok(ended - started)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: calls DIR BYTES";
    let directory = std::env::args_os().nth(1).ok_or(usage)?;
    let ring_bytes = std::env::args().nth(2).ok_or(usage)?.parse()?;
    accel::require_abi()?;
    let block = Block::read(Path::new(&directory))?;
    let work = Work::new(&block, ring_bytes)?;
    for line in std::io::stdin().lines() {
        let line = line?;
        let (task, turns) = line.split_once(' ').ok_or("expected TASK TURNS")?;
        let mut answer = String::new();
        for _ in 0..turns.parse::<usize>()? {
            answer += &format!("{} ", work.call(task)?);
        }
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
