//! Finds libaccel by pkg-config (PKG_CONFIG_PATH says where accel.pc is) and links it.

use std::process::Command;

fn variable(name: &str) -> String {
    let program = std::env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let output = Command::new(&program)
        .args([&format!("--variable={name}"), "accel"])
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "accel.pc was not found; set PKG_CONFIG_PATH: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("pkg-config prints text")
        .trim()
        .into()
}

fn main() {
    for name in ["PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let libdir = variable("libdir");
    println!("cargo:rustc-link-search=native={libdir}");
    println!("cargo:rustc-link-lib=dylib=accel");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{libdir}");
    // For crates that depend on this one: DEP_ACCEL_LIBDIR in their build scripts.
    println!("cargo:libdir={libdir}");
    println!("cargo:rustc-env=ACCEL_INCLUDEDIR={}", variable("includedir"));
}
