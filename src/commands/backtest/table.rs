//! Columns of text, each as wide as its widest cell.

/// One line for each row; cells of the columns that `right` names stand to the right.
pub(super) fn columns(rows: &[Vec<String>], right: &[usize]) -> String {
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
    fn columns_are_as_wide_as_they_need_to_be() {
        let rows = [vec!["a", "5"], vec!["längeres", "12,345"], vec!["c"]]
            .map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(columns(&rows, &[1]), "  a              5\n  längeres  12,345\n  c\n");
    }
}
