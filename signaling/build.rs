//! Sees that the page was built, which stands in the binary. Building it takes npm and the network: no
//! business of a build script.

fn main() {
    println!("cargo::rerun-if-changed=web/dist");
    if !std::path::Path::new("web/dist/index.html").is_file() {
        println!(
            "cargo::error=the web page, which stands in the binary, is not built yet: run ./scripts/page \
             (it takes Node.js and npm, and installs them where they are missing), then build again"
        );
    }
}
