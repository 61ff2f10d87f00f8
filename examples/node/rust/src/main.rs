//! Verifies a raw block with libaccel, by explicit keys and by a ring of known signers, and builds its Merkle root.
//!
//!     verify-block [--json] DIR
//!
//! Exit code 0: all as the block records it; 1: something differs; 2: the job could not run (a sentence on standard error
//! says why).

use std::collections::HashMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use accel::block::Block;
use accel::{Hash, KeyRing, Messages, PublicKey, RootTree, Signature, Status};

const AS_RECORDED: u8 = 0;
const DIFFERS: u8 = 1;
const FAILED: u8 = 2;

/// Rows of a block that go through one call: signatures side by side, messages where they are.
#[derive(Default)]
struct Selection<'a> {
    rows: Vec<usize>,
    indices: Vec<u32>, // of known keys
    keys: Vec<PublicKey>,
    signatures: Vec<Signature>,
    messages: Vec<&'a [u8]>,
}

impl<'a> Selection<'a> {
    fn add(&mut self, block: &'a Block, row: usize, index: u32) {
        self.rows.push(row);
        self.indices.push(index);
        self.keys.push(block.public_keys[row]);
        self.signatures.push(block.signatures[row]);
        self.messages.push(block.message(row));
    }

    fn put(&self, verdicts: &[Status], all: &mut [Status]) {
        for (&row, &status) in self.rows.iter().zip(verdicts) {
            all[row] = status;
        }
    }
}

/// Known signers go by the ring, the others by their own key. The row's whole key decides which it is: nothing that the
/// block says about its signers is believed. A node makes its ring once, when the consortium's members change.
fn verify_by_ring(block: &Block) -> Result<(Vec<Status>, usize), accel::Error> {
    let ring = KeyRing::new(&block.signers, &block.id, 0)?;
    let index: HashMap<&PublicKey, u32> = block.signers.iter().zip(0..).collect();
    let (mut known, mut strangers) = (Selection::default(), Selection::default());
    for (row, key) in block.public_keys.iter().enumerate() {
        match index.get(key) {
            Some(&index) => known.add(block, row, index),
            None => strangers.add(block, row, 0),
        }
    }
    let mut statuses = vec![Status::NOT_CHECKED; block.rows()];
    let messages = Messages::from_slices(&known.messages);
    known.put(
        &ring.verify_many(&known.indices, &known.signatures, &messages)?,
        &mut statuses,
    );
    let messages = Messages::from_slices(&strangers.messages);
    strangers.put(
        &accel::verify_many(&strangers.keys, &strangers.signatures, &messages, &block.id)?,
        &mut statuses,
    );
    Ok((statuses, known.rows.len()))
}

fn merkle_root(block: &Block) -> Result<Hash, accel::Error> {
    let tree = RootTree::new(block.rule)?;
    tree.append(&block.messages())?;
    tree.root()
}

struct Verdicts {
    valid: usize,
    bad: usize,
    differing: Vec<usize>,
    statuses: Vec<Status>,
}

impl Verdicts {
    fn new(statuses: Vec<Status>, block: &Block) -> Self {
        let valid = statuses.iter().filter(|&&status| status == Status::OK).count();
        let differs = |&row: &usize| statuses[row] != block.statuses[row];
        Verdicts {
            valid,
            bad: statuses.len() - valid,
            differing: (0..statuses.len()).filter(differs).collect(),
            statuses,
        }
    }

    fn text(&self, block: &Block) -> String {
        let counts = format!("{} of {} valid, {} bad: ", self.valid, block.rows(), self.bad);
        match self.differing.first() {
            None => counts + "as recorded",
            Some(&row) => format!(
                "{counts}{} DIFFER, the first is row {row}: {}, recorded as {}",
                self.differing.len(),
                self.statuses[row],
                block.statuses[row]
            ),
        }
    }

    fn json(&self) -> String {
        format!(
            r#""valid": {}, "bad": {}, "differing": {}"#,
            self.valid,
            self.bad,
            self.differing.len()
        )
    }
}

struct Report<'a> {
    block: &'a Block,
    keys: Verdicts,
    ring: Verdicts,
    known_rows: usize,
    rule: String,
    root: Hash,
}

impl<'a> Report<'a> {
    fn new(block: &'a Block) -> Result<Self, accel::Error> {
        let keys = accel::verify_many(&block.public_keys, &block.signatures, &block.messages(), &block.id)?;
        let (ring, known_rows) = verify_by_ring(block)?;
        Ok(Report {
            block,
            keys: Verdicts::new(keys, block),
            ring: Verdicts::new(ring, block),
            known_rows,
            rule: block.rule.name()?,
            root: merkle_root(block)?,
        })
    }

    fn root_as_recorded(&self) -> bool {
        self.root == self.block.root
    }

    fn as_recorded(&self) -> bool {
        self.keys.differing.is_empty() && self.ring.differing.is_empty() && self.root_as_recorded()
    }

    fn root_hex(&self) -> String {
        self.root.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bad(&self) -> impl Iterator<Item = (usize, Status)> + '_ {
        let rows = self.keys.statuses.iter().copied().enumerate();
        rows.filter(|&(_, status)| status != Status::OK)
    }

    fn text(&self) -> String {
        const SHOWN: usize = 10;
        let mut text = format!(
            "keys      {}\nkey ring  {}\nroot      {} {}: {}\n",
            self.keys.text(self.block),
            self.ring.text(self.block),
            self.root_hex(),
            self.rule,
            if self.root_as_recorded() {
                "as recorded"
            } else {
                "DIFFERS"
            }
        );
        let listed = self.bad().take(SHOWN);
        let mut bad: Vec<_> = listed.map(|(row, status)| format!("{row} {status}")).collect();
        if self.keys.bad > SHOWN {
            bad.push(format!("and {} more", self.keys.bad - SHOWN));
        }
        if !bad.is_empty() {
            text += &format!("bad rows  {}\n", bad.join(", "));
        }
        text
    }

    fn json(&self) -> String {
        let row = |(row, status)| format!(r#"{{"row": {row}, "status": "{status}"}}"#);
        let bad: Vec<_> = self.bad().map(row).collect();
        format!(
            concat!(
                r#"{{"language": "rust", "accel": "{}", "rows": {}, "signers": {}, "keys": {{{}}}, "#,
                r#""key_ring": {{{}, "known_rows": {}}}, "bad": [{}], "merkle_rule": "{}", "merkle_root": "{}", "#,
                r#""root_as_recorded": {}, "as_recorded": {}}}"#,
                "\n"
            ),
            accel::version(),
            self.block.rows(),
            self.block.signers.len(),
            self.keys.json(),
            self.ring.json(),
            self.known_rows,
            bad.join(", "),
            self.rule,
            self.root_hex(),
            self.root_as_recorded(),
            self.as_recorded()
        )
    }
}

fn run(directory: &Path, json: bool) -> Result<u8, Box<dyn Error>> {
    accel::require_abi()?;
    let block = Block::read(directory)?;
    let report = Report::new(&block)?;
    let text = if json { report.json() } else { report.text() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(if report.as_recorded() { AS_RECORDED } else { DIFFERS })
}

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let json = arguments.len() == 2 && arguments[0] == "--json";
    if json {
        arguments.remove(0);
    }
    if arguments.len() != 1 || arguments[0].to_string_lossy().starts_with('-') {
        eprintln!("usage: verify-block [--json] DIR");
        return ExitCode::from(FAILED);
    }
    let code = run(Path::new(&arguments[0]), json).unwrap_or_else(|error| {
        eprintln!("verify-block: {error}");
        FAILED
    });
    ExitCode::from(code)
}
