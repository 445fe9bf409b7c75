//! Tables of text whose columns are as wide as their widest cell.

/// One line for each row. The columns in `right` are right-aligned.
pub(crate) fn columns(rows: &[Vec<String>], right: &[usize]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.chars().count());
            line.push(' ');
            line += &if right.contains(&column) { gap + cell } else { cell.clone() + &gap };
            line.push(' ');
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a", "5"], vec!["größer", "12,345"], vec!["c"]]
            .map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(columns(&rows, &[1]), "  a            5\n  größer  12,345\n  c\n");
    }
}
