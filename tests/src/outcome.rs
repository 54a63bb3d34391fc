use std::fmt;

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The runtime keeps the promise.
    Passed,
    /// It does not, and this is how.
    Failed(String),
    /// The promise is about something that the runtime does not have.
    NotApplicable(String),
}

impl Outcome {
    /// Whether the case found something wrong.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// A case that returns at all has passed.
impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Passed
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::NotApplicable(why) => write!(f, "not applicable: {why}"),
        }
    }
}
