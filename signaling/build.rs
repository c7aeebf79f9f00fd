//! Sees that the page was built, which stands in the binary, and compresses its files. Building it takes npm and
//! the network: no business of a build script.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const PAGE: &str = "web/dist";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={PAGE}");
    if !Path::new(PAGE).join("index.html").is_file() {
        println!(
            "cargo::error=the web page, which stands in the binary, is not built yet: run ./scripts/page \
             (it takes Node.js and npm, and installs them where they are missing), then build again"
        );
        return Ok(());
    }
    let mut files = vec![];
    list(Path::new(PAGE), &mut files)?;
    files.sort();
    compress(&files, &PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where to write")))
}

/// All files in a folder and below it.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// Writes what gains by it, and a table of that, sorted by name, which `src/http/gzip.rs` includes.
fn compress(files: &[PathBuf], out: &Path) -> io::Result<()> {
    let mut table = String::from("[");
    for (number, path) in files.iter().enumerate() {
        let plain = std::fs::read(path)?;
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        encoder.write_all(&plain)?;
        let packed = encoder.finish()?;
        // Less than a tenth is not worth a browser's unpacking it.
        if packed.len() * 10 > plain.len() * 9 {
            continue;
        }
        let target = out.join(format!("{number}.gz"));
        std::fs::write(&target, packed)?;
        let name = path.strip_prefix(PAGE).expect("it was found there");
        let _ = writeln!(table, "({:?}, include_bytes!({:?})),", name.display().to_string(), target);
    }
    std::fs::write(out.join("gzip.rs"), table + "]")
}
