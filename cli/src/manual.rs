//! What a shell and `man` know of the command line, made from it.

use crate::flags;
use anyhow::Context as _;
use clap_complete::Shell;
use std::io::Write as _;
use std::path::Path;

/// Prints what `shell` completes commands and options by.
pub(crate) fn print_completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut flags::command(), "volley", &mut script);
    print(&script);
}

/// Writes a page for each command into `folder`, or prints the one of `volley` itself.
pub(crate) fn write_pages(folder: Option<&Path>) -> anyhow::Result<()> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(flags::command()).render(&mut page)?;
        print(&page);
        return Ok(());
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(flags::command(), folder))
        .with_context(|| format!("the pages cannot be written into {}", folder.display()))
}

/// Who reads only the first lines closes the pipe; that is no mistake.
fn print(text: &[u8]) {
    let _ = std::io::stdout().write_all(text);
}
