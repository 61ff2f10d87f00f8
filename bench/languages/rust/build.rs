//! The program finds libaccel where the crate that it depends on found it.

fn main() {
    let libdir = std::env::var("DEP_ACCEL_LIBDIR").expect("verify-block links libaccel");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{libdir}");
}
