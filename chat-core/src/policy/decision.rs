use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

/// What was decided: go on with this, or not.
pub type Verdict<T> = Result<T, Denial>;

/// A [`Verdict`], now or later.
pub enum Decision<T> {
    /// It is decided.
    Now(Verdict<T>),
    /// It will be.
    Later(Pin<Box<dyn Future<Output = Verdict<T>> + Send>>),
}

impl<T> Decision<T> {
    /// Yes, with this.
    pub fn allow(value: T) -> Self {
        Self::Now(Ok(value))
    }

    /// No, and this is why; the peer gets to read it.
    pub fn deny(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Now(Err(Denial::new(why)))
    }

    /// Ask again when `verdict` is there.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn is_banned(_nick: String) -> bool { false }
    /// use chat_core::policy::{Decision, Denial};
    ///
    /// fn decide(nick: String) -> Decision<()> {
    ///     Decision::later(async move {
    ///         match is_banned(nick).await {
    ///             true => Err(Denial::new("you are banned")),
    ///             false => Ok(()),
    ///         }
    ///     })
    /// }
    /// # let _ = decide(String::new());
    /// ```
    pub fn later(verdict: impl Future<Output = Verdict<T>> + Send + 'static) -> Self {
        Self::Later(Box::pin(verdict))
    }

    /// The decision with `then` done to what is allowed.
    pub(crate) fn map<U>(self, then: impl FnOnce(T) -> U + Send + 'static) -> Decision<U>
    where
        T: 'static,
    {
        match self {
            Self::Now(verdict) => Decision::Now(verdict.map(then)),
            Self::Later(verdict) => Decision::later(async move { verdict.await.map(then) }),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Decision<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(verdict) => f.debug_tuple("Now").field(verdict).finish(),
            Self::Later(_) => f.debug_tuple("Later").finish_non_exhaustive(),
        }
    }
}

/// A refusal, in words for the one who is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Denial(Cow<'static, str>);

impl Denial {
    /// A refusal with this reason. Control characters in it are replaced by spaces.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        let why = why.into();
        if why.contains(char::is_control) {
            return Self(why.replace(char::is_control, " ").into());
        }
        Self(why)
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.0
    }
}
