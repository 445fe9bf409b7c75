//! Markdown tables, and how several seeds stand in one cell.

use insightd_test_support::quality::arithmetic::median;

/// A table under a line that says what it shows.
#[derive(Debug)]
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a head.
    pub fn new(title: &str, head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { title: title.to_owned(), rows: vec![head.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Prints it, columns aligned for those who read the text.
    pub fn print(&self) {
        println!("\n{}\n", self.title);
        let columns = self.rows[0].len();
        let width = |at: usize| self.rows.iter().map(|row| row.get(at).map_or(0, |cell| cell.chars().count())).max();
        let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cell = |(cell, width): (&String, &usize)| format!("{cell:width$}");
            println!("| {} |", row.iter().zip(&widths).map(cell).collect::<Vec<_>>().join(" | "));
            if number == 0 {
                println!("|{}|", widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("|"));
            }
        }
    }
}

/// The median over the seeds, and behind it the value of each.
pub fn over_seeds(values: &[Option<f64>], decimals: usize) -> String {
    let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"));
    let middle = show(median(values.iter().copied().flatten()));
    if values.len() < 2 {
        return middle;
    }
    format!("**{middle}** ({})", values.iter().map(|value| show(*value)).collect::<Vec<_>>().join(" "))
}
