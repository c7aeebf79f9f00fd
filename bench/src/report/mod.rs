//! Results as people and programs read them: terminal, JSON, Markdown, SVG.
//!
//! A scenario makes a [`Report`]; how it is shown is decided here. Knows nothing of what figures mean.

pub(crate) mod format;
pub(crate) mod plot;
pub(crate) mod progress;
pub(crate) mod table;

use crate::host::machine::Machine;
use anyhow::Context as _;
use plot::Plot;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use table::Table;

/// Everything one command found out.
pub(crate) struct Report {
    /// The command's name, and that of its files.
    pub(crate) name: String,
    /// The machine it ran on.
    pub(crate) machine: Machine,
    /// What is shown, in order.
    pub(crate) sections: Vec<Section>,
    /// All figures.
    pub(crate) figures: Value,
    /// Curves.
    pub(crate) plots: Vec<Plot>,
}

/// A table with what must be known to read it.
pub(crate) struct Section {
    /// Above the table.
    pub(crate) title: String,
    /// The table.
    pub(crate) table: Table,
    /// Below it, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Prints it, and writes its files into `folder` if there is one.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn deliver(&self, as_json: bool, folder: Option<&Path>) -> anyhow::Result<()> {
        if let Some(folder) = folder {
            self.write_files(folder)?;
        }
        if as_json {
            eprintln!("{}", self.text());
            println!("{}", self.json());
        } else {
            println!("{}", self.text());
        }
        Ok(())
    }

    /// One object: command, machine, and the figures beside them.
    fn json(&self) -> Value {
        let mut object = json!({ "command": self.name, "machine": self.machine });
        if let (Some(object), Some(figures)) = (object.as_object_mut(), self.figures.as_object()) {
            object.extend(figures.clone());
        }
        object
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.machine.line());
        for section in &self.sections {
            let _ = write!(text, "\n{}\n{}", section.title, section.table.terminal());
            for note in &section.notes {
                let _ = write!(text, "\n  {note}");
            }
            text.push('\n');
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("# volley-bench {}\n\n{}\n", self.name, self.machine.line());
        for section in &self.sections {
            let _ = write!(text, "\n## {}\n\n{}\n", section.title, section.table.markdown());
            for note in &section.notes {
                let _ = write!(text, "\n{note}\n");
            }
        }
        for plot in &self.plots {
            let _ = write!(text, "\n![{}]({})\n", plot.title, self.file_of(plot));
        }
        text
    }

    fn file_of(&self, plot: &Plot) -> String {
        format!("{}-{}.svg", self.name, plot.name)
    }

    fn write_files(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("--out {} cannot be made", folder.display()))?;
        let write = |file: String, content: String| {
            let path = folder.join(file);
            fs::write(&path, content).with_context(|| format!("{} cannot be written", path.display()))
        };
        write(format!("{}.json", self.name), format!("{:#}\n", self.json()))?;
        write(format!("{}.md", self.name), self.markdown())?;
        self.plots.iter().try_for_each(|plot| write(self.file_of(plot), plot.svg()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::place::Place;

    fn report() -> Report {
        let mut table = Table::new(&["server", "packets"]);
        table.row(["volley", "123"]);
        Report {
            name: String::from("compare"),
            machine: Machine::describe(&Place { server_cores: vec![0], generator_core: 1 }),
            sections: vec![Section {
                title: String::from("Who forwards"),
                table,
                notes: vec![String::from("A note.")],
            }],
            figures: json!({ "ratioToBestOther": 5.5 }),
            plots: vec![
                Plot::line("load", "Cost", "load", "ns").with("volley", vec![(1.0, 2.0), (2.0, 3.0)]),
            ],
        }
    }

    #[test]
    fn the_json_is_one_line_with_the_figures_beside_the_machine() {
        let json = report().json();
        assert!(!json.to_string().contains('\n'));
        assert_eq!(json["ratioToBestOther"], 5.5);
        assert_eq!(json["command"], "compare");
        assert!(json["machine"]["kernel"].is_string());
    }

    #[test]
    fn files_for_every_reader_are_written() {
        let folder = std::env::temp_dir().join(format!("volley-bench-report-{}", std::process::id()));
        report().write_files(&folder).unwrap();
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        let markdown = read("compare.md");
        assert!(
            markdown.contains("| volley |     123 |") && markdown.contains("](compare-load.svg)"),
            "{markdown}"
        );
        assert!(read("compare-load.svg").starts_with("<svg"));
        assert_eq!(serde_json::from_str::<Value>(&read("compare.json")).unwrap()["ratioToBestOther"], 5.5);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn people_read_title_table_and_notes() {
        let text = report().text();
        let position = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is missing in {text}"));
        assert!(position("Who forwards") < position("volley") && position("volley") < position("A note."));
    }
}
