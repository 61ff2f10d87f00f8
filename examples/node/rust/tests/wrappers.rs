//! The safe wrappers: verdicts, errors, threads.

use accel::{hash_many, verify_many, Error, Id, KeyRing, Messages, RootTree, Rule, Status};

// GB/T 32918.5-2017, annex A.2.
const KEY: &str = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
                   ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
const SIGNATURE: &str = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3\
                         b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";
const MESSAGE: &[u8] = b"message digest";
// GB/T 32905-2016, annex A, example 1.
const ABC: &str = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    let digits: Vec<_> = (0..N)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    digits.try_into().unwrap()
}

/// The standard's signature, then one with a bit flipped, one with r = 0 and one whose key is off the curve.
fn batch() -> (Vec<[u8; 64]>, Vec<[u8; 64]>, [Status; 4]) {
    let (mut keys, mut signatures) = (vec![unhex(KEY); 4], vec![unhex(SIGNATURE); 4]);
    signatures[1][20] ^= 1;
    signatures[2][..32].fill(0);
    keys[3][63] ^= 1;
    (
        keys,
        signatures,
        [Status::OK, Status::BAD_SIGNATURE, Status::BAD_RANGE, Status::BAD_KEY],
    )
}

fn require_error<T>(result: Result<T, Error>, words: &str) {
    let text = result.err().expect("an error").to_string();
    assert!(text.contains(words), "{text}");
}

#[test]
fn the_abi_is_the_headers() {
    accel::require_abi().unwrap();
    assert!(!accel::version().is_empty());
}

#[test]
fn digests() {
    let digests = hash_many(&Messages::from_slices(&[b"abc", b"", b"abc"])).unwrap();
    assert_eq!(digests[0], unhex(ABC));
    assert_eq!(digests[2], digests[0]);
    assert_eq!(hash_many(&Messages::ragged(b"xabc", &[1, 4])).unwrap(), [unhex(ABC)]);
    assert!(hash_many(&Messages::from_slices(&[])).unwrap().is_empty());
    assert!(hash_many(&Messages::ragged(b"", &[])).unwrap().is_empty());
}

#[test]
fn verdicts_by_explicit_keys() {
    let (keys, signatures, expected) = batch();
    let slices = [MESSAGE; 4];
    let messages = Messages::from_slices(&slices);
    assert_eq!(
        verify_many(&keys, &signatures, &messages, &Id::default()).unwrap(),
        expected
    );
    let one = Messages::from_slices(&slices[..1]);
    for id in [Id::NoZa, Id::Bytes(Vec::new()), Id::Bytes(b"another".to_vec())] {
        let found = verify_many(&keys[..1], &signatures[..1], &one, &id).unwrap();
        assert_eq!(found, [Status::BAD_SIGNATURE], "{id:?}");
    }
    assert_eq!(
        [Status::OK, Status(99)].map(|status| status.to_string()),
        ["OK", "UNKNOWN"]
    );
}

#[test]
fn verdicts_by_a_ring_on_many_threads() {
    let (keys, signatures, mut expected) = batch();
    let ring = KeyRing::new(&keys[..1], &Id::default(), 0).unwrap();
    let slices = [MESSAGE; 4];
    let messages = Messages::from_slices(&slices);
    expected[3] = Status::OK; // the key is the ring's
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(ring.verify_many(&[0; 4], &signatures, &messages).unwrap(), expected);
                }
            });
        }
    });
    require_error(ring.verify_many(&[0, 0, 1, 0], &signatures, &messages), "BAD_ARGUMENT");
    require_error(
        ring.verify_many(&[0], &signatures, &messages),
        "indices: expected 4, one for each message, got 1",
    );
    require_error(KeyRing::new(&[keys[0], keys[3]], &Id::default(), 1 << 20), "BAD_KEY");
}

#[test]
fn wrong_arguments_are_errors() {
    let (keys, signatures, _) = batch();
    let slices = [MESSAGE; 4];
    let messages = Messages::from_slices(&slices);
    require_error(
        verify_many(&keys[1..], &signatures, &messages, &Id::default()),
        "keys: expected 4",
    );
    require_error(
        verify_many(&keys, &signatures[..1], &messages, &Id::default()),
        "signatures: expected 4",
    );
    require_error(
        verify_many(&keys, &signatures, &messages, &Id::Bytes(vec![0; 8192])),
        "BAD_ARGUMENT",
    );
    require_error(hash_many(&Messages::ragged(b"abc", &[0, 4])), "BAD_ARGUMENT");
    require_error(hash_many(&Messages::ragged(b"abc", &[2, 1])), "BAD_ARGUMENT");
}

#[test]
fn roots() {
    for rule in [Rule::RFC9162, Rule::CHAINMAKER, Rule::BCOS] {
        let tree = RootTree::new(rule).unwrap();
        tree.append(&Messages::from_slices(&[b"abc"])).unwrap();
        // One leaf is the root: its hash, which has a prefix under one rule.
        assert_eq!(tree.root().unwrap() == unhex(ABC), rule != Rule::RFC9162);
    }
    assert_eq!(Rule::BCOS.name().unwrap(), "bcos");
    require_error(Rule(99).name(), "BAD_ARGUMENT");
    require_error(RootTree::new(Rule(99)), "BAD_ARGUMENT");
}
