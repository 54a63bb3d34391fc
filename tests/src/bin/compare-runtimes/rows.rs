/// A promise, and the cases that it takes to check it.
pub(crate) struct Row {
    pub(crate) suite: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) cases: Vec<&'static str>,
}

/// The promises of both suites, by subject.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = chat_conformance::__runtime_cases! { [runtime_rows] [] };
    rows.extend(chat_conformance::__chat_cases! { [chat_rows] [] });
    rows
}

macro_rules! runtime_rows {
    ([] $($(#[$attribute:meta])* $name:ident => $body:expr,)*) => {
        vec![
            $(
                $(#[$attribute])*
                Row {
                    suite: "runtime",
                    subject: first_segment(stringify!($body)),
                    promise: stringify!($name),
                    cases: vec![stringify!($name)],
                },
            )*
        ]
    };
}

macro_rules! chat_rows {
    ([] $($subject:ident {
        each { $($each:ident,)* }
        once { $($(#[$attribute:meta])* $once:ident,)* }
    })*) => {
        vec![$(
            $(
                Row {
                    suite: "chat",
                    subject: stringify!($subject),
                    promise: stringify!($each),
                    cases: vec![
                        concat!(stringify!($each), "_over_tcp"),
                        #[cfg(unix)]
                        concat!(stringify!($each), "_over_unix"),
                    ],
                },
            )*
            $(
                $(#[$attribute])*
                Row {
                    suite: "chat",
                    subject: stringify!($subject),
                    promise: stringify!($once),
                    cases: vec![stringify!($once)],
                },
            )*
        )*]
    };
}

use {chat_rows, runtime_rows};

/// The module in which the body of a case is.
fn first_segment(path: &'static str) -> &'static str {
    path.split("::").next().unwrap_or(path).trim()
}
