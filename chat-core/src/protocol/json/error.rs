use thiserror::Error;

use crate::hub::HubError;
use crate::message::BodyError;
use crate::name::NameError;

/// Why a request was refused. Displays as a sentence for people; [`code`](RequestError::code) is for
/// programs.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    #[error("a line has at most {limit} bytes; yours was longer and was dropped")]
    LineTooLong { limit: usize },
    #[error("that line is no JSON object: {0}")]
    BadJson(String),
    #[error("a field has the wrong type: {0}")]
    WrongType(String),
    #[error("the field {0:?} is missing")]
    MissingField(&'static str),
    #[error("the field {0:?} has no valid value")]
    BadField(&'static str),
    #[error("there is no request {0:?}")]
    UnknownOp(String),
    #[error("say hello first")]
    HelloFirst,
    #[error("you have said hello already")]
    HelloAgain,
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl RequestError {
    pub(super) fn from_json(error: &serde_json::Error) -> Self {
        // It may quote a whole value.
        const ENOUGH: usize = 200;
        let text = error.to_string().chars().take(ENOUGH).collect();
        match error.classify() {
            serde_json::error::Category::Data => Self::WrongType(text),
            _ => Self::BadJson(text),
        }
    }

    /// A word that stays the same when the sentence is put better.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::LineTooLong { .. } => "line_too_long",
            Self::BadJson(_) => "bad_json",
            Self::WrongType(_) | Self::BadField(_) => "bad_field",
            Self::MissingField(_) => "missing_field",
            Self::UnknownOp(_) => "unknown_op",
            Self::HelloFirst => "hello_first",
            Self::HelloAgain => "hello_again",
            Self::Name(error) => error.code(),
            Self::Body(_) => "bad_text",
            Self::Hub(error) => error.code(),
        }
    }
}
