//! `src/ffi.rs` says what accel.h says: every function, constant and field of a struct in it is held against the header
//! that this was compiled beside.

use std::collections::HashMap;

const FFI: &str = include_str!("../src/ffi.rs");

fn header() -> String {
    let path = concat!(env!("ACCEL_INCLUDEDIR"), "/accel/accel.h");
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut bare = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find("/*") {
        bare += &rest[..start];
        rest = &rest[start + rest[start..].find("*/").expect("a comment ends") + 2..];
    }
    bare + rest
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Types of a C parameter list, as Rust writes them.
fn rust_type(c: &str) -> String {
    let c = c.trim();
    if let Some(pointee) = c.strip_suffix("* const*") {
        return format!("*const {}", rust_type(&format!("{pointee}*")));
    }
    if let Some(pointee) = c.strip_suffix('*') {
        let pointee = pointee.trim();
        return match pointee.strip_prefix("const ") {
            Some(constant) if !constant.ends_with('*') => format!("*const {}", rust_type(constant)),
            _ => format!("*mut {}", rust_type(pointee)),
        };
    }
    match c {
        "uint8_t" => "u8",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        "char" => "c_char",
        "int" => "c_int",
        "void" => "std::os::raw::c_void",
        other => other,
    }
    .into()
}

/// A C declaration of a name: its type and the name.
fn declaration(c: &str) -> (String, String) {
    let mut c = words(c);
    if let Some(bracket) = c.find('[') {
        let name = c[..bracket].rfind(' ').expect("a type and a name");
        c = format!("{}*{}", &c[..name], &c[name..bracket]);
    }
    let name = c.rfind([' ', '*']).expect("a type and a name") + 1;
    (rust_type(&c[..name]), c[name..].into())
}

/// Functions of the header: name to signature, as Rust writes it.
fn header_functions() -> HashMap<String, String> {
    let text = header();
    let declarations = text
        .split("ACCEL_API ")
        .skip(1)
        .filter_map(|rest| rest.split_once(");")?.0.split_once('('));
    let mut functions = HashMap::new();
    for (head, parameters) in declarations {
        let (result, name) = declaration(head);
        let parameters: Vec<_> = match words(parameters).as_str() {
            "void" => Vec::new(),
            some => some.split(',').map(declaration).collect(),
        };
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(kind, name)| format!("{name}: {kind}"))
            .collect();
        let result = if result == rust_type("void") {
            String::new()
        } else {
            format!(" -> {result}")
        };
        functions.insert(name, format!("({}){result}", parameters.join(", ")));
    }
    functions
}

#[test]
fn functions_are_those_of_the_header() {
    let functions = header_functions();
    assert!(functions.len() > 50, "the header was read");
    let mut checked = 0;
    for rest in FFI.split("pub fn ").skip(1) {
        let declared = words(rest.split(';').next().expect("a declaration"));
        let (name, signature) = declared.split_at(declared.find('(').expect("parameters"));
        let expected = functions
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in accel.h"));
        assert_eq!(signature, expected, "{name}");
        checked += 1;
    }
    assert!(checked > 10);
}

#[test]
fn constants_are_those_of_the_header() {
    let text = header();
    let mut checked = 0;
    for line in FFI.lines().filter_map(|line| line.strip_prefix("pub const ")) {
        let (name, rest) = line.split_once(": ").expect("a type");
        let value = rest.trim_end_matches(';').split("= ").nth(1).expect("a value");
        let value: u64 = if value == "u64::MAX" {
            u64::MAX
        } else {
            value.parse().expect("a number")
        };
        let found = text
            .lines()
            .filter_map(|line| {
                let line = line.trim().trim_start_matches("#define ");
                line.strip_prefix(name)?.strip_prefix([' ', '='])
            })
            .map(|rest| rest.trim_start_matches(['=', ' ']).trim_end_matches([',', ' ', 'u']))
            .map(|number| match number {
                "UINT64_MAX" => u64::MAX,
                _ => number
                    .trim_start_matches("UINT64_C(")
                    .trim_end_matches(')')
                    .parse()
                    .expect(number),
            })
            .next();
        assert_eq!(found, Some(value), "{name}");
        checked += 1;
    }
    assert!(checked > 10);
}

#[test]
fn the_struct_of_messages_has_the_fields_of_the_header() {
    let text = header();
    let fields = text
        .split("typedef struct accel_messages {")
        .nth(1)
        .expect("the struct");
    let fields = fields.split('}').next().expect("its end");
    let mut expected = Vec::new();
    for statement in fields.split(';').map(words).filter(|statement| !statement.is_empty()) {
        let names: Vec<_> = statement.split(", ").collect();
        let (kind, first) = declaration(names[0]);
        expected.push(format!("{first}: {kind}"));
        expected.extend(names[1..].iter().map(|name| format!("{name}: {kind}")));
    }
    let found = FFI.split("pub struct accel_messages {").nth(1).expect("the struct");
    let found = found.split('}').next().expect("its end");
    let found: Vec<_> = found.split(',').map(|field| words(field).replace("pub ", "")).collect();
    assert_eq!(found[..found.len() - 1], expected[..]);
}
