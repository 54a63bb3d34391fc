use std::fmt::{self, Write};

use chat_conformance::Outcome;

use crate::rows::Row;
use crate::run::Column;

/// What all runtimes made of all promises.
pub(crate) struct Report<'a> {
    pub(crate) rows: &'a [Row],
    pub(crate) columns: &'a [Column],
}

/// What one runtime made of one promise.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Kept,
    Broken,
    NotApplicable,
}

impl Report<'_> {
    /// A table with a row for each promise.
    pub(crate) fn by_case(&self) -> String {
        let mut table = self.head("promise");
        for rows in self.subjects() {
            self.row(&mut table, &format!("**{}**", subject(&rows[0])), |_| {
                String::new()
            });
            for row in rows {
                let promise = row.promise.replace('_', " ");
                self.row(&mut table, &promise, |column| cell(row, column).to_string());
            }
        }
        table
    }

    /// A table with a row for each subject.
    pub(crate) fn by_subject(&self) -> String {
        let mut table = self.head("promises about");
        for rows in self.subjects() {
            self.row(&mut table, &subject(&rows[0]), |column| {
                let count = |cell_| rows.iter().filter(|row| cell(row, column) == cell_).count();
                let (kept, broken) = (count(Cell::Kept), count(Cell::Broken));
                match (kept, broken) {
                    (0, 0) => Cell::NotApplicable.to_string(),
                    (_, 0) => format!("{} {kept}", Cell::Kept),
                    _ => format!("{} {broken} of {}", Cell::Broken, kept + broken),
                }
            });
        }
        table
    }

    /// How many promises are kept, and the messages of those that are not.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        for column in self.columns {
            let count = |wanted| {
                let cells = self.rows.iter().map(|row| cell(row, column));
                cells.filter(|cell| *cell == wanted).count()
            };
            let (kept, broken) = (count(Cell::Kept), count(Cell::Broken));
            let without = count(Cell::NotApplicable);
            let name = column.name;
            line(
                &mut text,
                format_args!("{name}: {kept} kept, {broken} broken, {without} not applicable"),
            );
        }
        for row in self.rows {
            if self.is_untried(row) {
                line(
                    &mut text,
                    format_args!("\n{}: applies to none of them", row.promise),
                );
            }
            for case in &row.cases {
                for column in self.columns {
                    if let Outcome::Failed(why) = column.outcome(case) {
                        line(
                            &mut text,
                            format_args!("\n{case} on {}:\n    {why}", column.name),
                        );
                    }
                }
            }
        }
        text
    }

    /// Whether all runtimes behave alike.
    pub(crate) fn is_good(&self) -> bool {
        self.rows.iter().all(|row| {
            let mut cells = self.columns.iter().map(|column| cell(row, column));
            !self.is_untried(row) && cells.all(|cell| cell != Cell::Broken)
        })
    }

    fn is_untried(&self, row: &Row) -> bool {
        let mut cells = self.columns.iter().map(|column| cell(row, column));
        cells.all(|cell| cell == Cell::NotApplicable)
    }

    fn subjects(&self) -> impl Iterator<Item = &[Row]> {
        self.rows
            .chunk_by(|a, b| (a.suite, a.subject) == (b.suite, b.subject))
    }

    fn head(&self, what: &str) -> String {
        let mut table = String::new();
        self.row(&mut table, what, |column| column.name.into());
        let rule = "| --- ".repeat(self.columns.len() + 1);
        line(&mut table, format_args!("{rule}|"));
        table
    }

    fn row(&self, table: &mut String, what: &str, cell: impl Fn(&Column) -> String) {
        let mut text = format!("| {what} |");
        for column in self.columns {
            let cell = cell(column);
            text.push_str(&format!(" {cell} |"));
        }
        line(table, text);
    }
}

fn cell(row: &Row, column: &Column) -> Cell {
    let outcomes = || row.cases.iter().map(|case| column.outcome(case));
    if outcomes().any(Outcome::is_failed) {
        Cell::Broken
    } else if outcomes().any(|outcome| *outcome == Outcome::Passed) {
        Cell::Kept
    } else {
        Cell::NotApplicable
    }
}

fn subject(row: &Row) -> String {
    format!("{}: {}", row.suite, row.subject.replace('_', " "))
}

fn line(text: &mut String, line: impl fmt::Display) {
    // Writing to memory does not fail.
    let _ = writeln!(text, "{line}");
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "✓",
            Self::Broken => "✗",
            Self::NotApplicable => "n/a",
        })
    }
}
