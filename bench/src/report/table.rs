//! A table, for terminals and for Markdown.

use comfy_table::{CellAlignment, TableStyle, presets};

/// Rows under column heads. The first column is text, the others are figures.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    inner: comfy_table::Table,
    columns: usize,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(columns: &[&str]) -> Table {
        let mut inner = comfy_table::Table::new();
        inner.set_header(columns);
        Table { inner, columns: columns.len() }
    }

    /// Adds a row of one cell per column.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert_eq!(cells.len(), self.columns, "a row has as many cells as the table has columns");
        self.inner.add_row(cells);
    }

    /// With lines, as wide as it needs to be.
    pub(crate) fn terminal(&self) -> String {
        self.drawn(presets::UTF8_FULL_CONDENSED)
    }

    /// As Markdown.
    pub(crate) fn markdown(&self) -> String {
        self.drawn(presets::ASCII_MARKDOWN)
    }

    fn drawn(&self, style: TableStyle) -> String {
        let mut table = self.inner.clone();
        table.load_style(style);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["train", "packets"]);
        table.row(["16", "1,234,567"]);
        table.row(["1", "9"]);
        table
    }

    #[test]
    fn markdown_has_a_head_a_rule_and_figures_to_the_right() {
        let lines: Vec<String> = table().markdown().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "| train |   packets |");
        assert!(lines[1].starts_with("|--"), "{}", lines[1]);
        assert_eq!(lines[3], "| 1     |         9 |");
    }

    #[test]
    fn a_terminal_shows_every_cell() {
        let shown = table().terminal();
        assert!(["train", "packets", "16", "1,234,567"].iter().all(|cell| shown.contains(cell)), "{shown}");
    }

    #[test]
    #[should_panic(expected = "as many cells")]
    fn a_row_too_short_is_a_mistake() {
        table().row(["1"]);
    }
}
