/// Something to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody said something.
    Message,
    /// Somebody said something to this person alone, or the other way round.
    Private,
    /// Something happened, or was asked for.
    Notice,
    /// Something did not work.
    Refusal,
}

impl Line {
    pub(crate) fn new(kind: Kind, text: impl AsRef<str>) -> Self {
        let text = text.as_ref().chars().filter(|&c| is_shown(c)).collect();
        Self { kind, text }
    }

    pub(crate) fn notice(text: impl AsRef<str>) -> Self {
        Self::new(Kind::Notice, format!("* {}", text.as_ref()))
    }

    pub(crate) fn refusal(text: impl AsRef<str>) -> Self {
        Self::new(Kind::Refusal, format!("! {}", text.as_ref()))
    }
}

/// Not what drives a terminal, and not what turns the direction of the text around it.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_cannot_play_with_the_terminal() {
        let line = Line::notice("a\u{1b}[2Jb\u{202e}c\nd");
        assert_eq!(line.text, "* a[2Jbcd");
    }
}
