//! As much of HTTP/1.1 (RFC 9110 and RFC 9112) as it takes to hand out one page, without I/O.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::meters::Metrics;

/// How long the head of a request may be, in bytes.
pub(super) const MAX_HEAD: usize = 8 * 1024;

/// How many fields it may have.
const MAX_FIELDS: usize = 64;

/// Where the metrics are.
const PATH: &str = "/metrics";

/// A response, with everything to be sent.
#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: &'static str,
    fields: &'static str,
    content_type: &'static str,
    body: String,
    /// Whether the peer has asked for the head only.
    head_only: bool,
}

/// The answer to a request that begins with `head`; `None` when more of it is needed. `page` is made when it
/// is asked for.
pub(super) fn answer(
    head: &[u8],
    page: impl FnOnce() -> String,
    now: SystemTime,
) -> Option<Vec<u8>> {
    respond(head, page).map(|response| response.encode(now))
}

fn respond(head: &[u8], page: impl FnOnce() -> String) -> Option<Response> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if head.len() < MAX_HEAD => return None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some(Response::refusal("431 Request Header Fields Too Large"));
        }
        Err(httparse::Error::Version) => {
            return Some(Response::refusal("505 HTTP Version Not Supported"));
        }
        Err(_) => return Some(Response::refusal("400 Bad Request")),
    }
    let named = request.headers.iter();
    let hosts = named.filter(|field| field.name.eq_ignore_ascii_case("host"));
    if hosts.count() != 1 && request.version == Some(1) {
        // RFC 9112, section 3.2.
        return Some(Response::refusal("400 Bad Request"));
    }
    let method = request.method.unwrap_or_default();
    let head_only = method == "HEAD";
    let mut response = match (path(request.path.unwrap_or_default()), method) {
        (PATH, "GET" | "HEAD") => Response {
            status: "200 OK",
            fields: "",
            content_type: Metrics::CONTENT_TYPE,
            body: page(),
            head_only,
        },
        (PATH, _) => Response {
            fields: "Allow: GET, HEAD\r\n",
            ..Response::refusal("405 Method Not Allowed")
        },
        _ => Response::refusal("404 Not Found"),
    };
    response.head_only = head_only;
    Some(response)
}

/// The path of a request's target, which may be a whole URL (RFC 9112, section 3.2.2).
fn path(target: &str) -> &str {
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    path.split('?').next().unwrap_or_default()
}

impl Response {
    fn refusal(status: &'static str) -> Self {
        Self {
            status,
            fields: "",
            content_type: "text/plain; charset=utf-8",
            body: format!("{status}; the metrics are at {PATH}\n"),
            head_only: false,
        }
    }

    fn encode(&self, now: SystemTime) -> Vec<u8> {
        let Self {
            status,
            fields,
            content_type,
            body,
            head_only,
        } = self;
        let length = body.len();
        // A clock that is beyond what a date can be is no clock (RFC 9110, section 6.6.1).
        let date = Timestamp::try_from(now)
            .and_then(|now| DateTimePrinter::new().timestamp_to_rfc9110_string(&now))
            .map_or_else(|_| String::new(), |date| format!("Date: {date}\r\n"));
        let body = if *head_only { "" } else { body };
        format!(
            "HTTP/1.1 {status}\r\n\
             {date}{fields}\
             Content-Type: {content_type}\r\n\
             Content-Length: {length}\r\n\
             Connection: close\r\n\r\n\
             {body}"
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert, proptest};

    use super::*;

    const PAGE: &str = "all that was counted\n";

    fn asked(request: &str) -> Option<String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let answer = answer(request.as_bytes(), || PAGE.into(), now);
        answer.map(|answer| String::from_utf8(answer).unwrap())
    }

    fn status(request: &str) -> String {
        let answer = asked(request).expect(request);
        let (status, _) = answer.split_once("\r\n").unwrap();
        status.strip_prefix("HTTP/1.1 ").unwrap().into()
    }

    #[test]
    fn whoever_asks_gets_the_page() {
        let expected = format!(
            "HTTP/1.1 200 OK\r\n\
             Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
             Content-Length: {}\r\n\
             Connection: close\r\n\r\n\
             {PAGE}",
            PAGE.len()
        );
        for request in [
            "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n",
            "GET /metrics?name[]=chat_rooms HTTP/1.1\r\nhost: here\r\nAccept: */*\r\n\r\n",
            "GET http://here:9090/metrics HTTP/1.1\r\nHost: here\r\n\r\n",
            "GET /metrics HTTP/1.0\r\n\r\n",
        ] {
            assert_eq!(asked(request), Some(expected.clone()), "{request:?}");
        }
    }

    #[test]
    fn a_head_is_the_same_without_the_page() {
        let get = asked("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let head = asked("HEAD /metrics HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        assert_eq!(format!("{head}{PAGE}"), get);
        assert!(status("HEAD / HTTP/1.1\r\nHost: here\r\n\r\n").starts_with("404"));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for target in ["/", "/metrics/", "/metric", "http://metrics", "*"] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n");
            assert_eq!(status(&request), "404 Not Found", "{target}");
        }
    }

    #[test]
    fn other_methods_are_told_which_there_are() {
        let answer = asked("POST /metrics HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains("\r\nAllow: GET, HEAD\r\n"), "{answer}");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (request, expected) in [
            ("/nick alice\n\n", "400 Bad Request"),
            ("\0", "400 Bad Request"),
            ("GET /metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
            (
                "GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                "400 Bad Request",
            ),
            (
                "GET /metrics HTTP/3.0\r\nHost: a\r\n\r\n",
                "505 HTTP Version Not Supported",
            ),
        ] {
            assert_eq!(status(request), expected, "{request:?}");
        }
    }

    #[test]
    fn a_head_is_bounded_in_bytes_and_fields() {
        let endless = format!("GET /{} ", "x".repeat(MAX_HEAD));
        assert!(status(&endless).starts_with("431"));
        let crowded = format!(
            "GET /metrics HTTP/1.1\r\n{}",
            "a: b\r\n".repeat(MAX_FIELDS + 1)
        );
        assert!(status(&crowded).starts_with("431"));
    }

    #[test]
    fn half_a_request_is_waited_for() {
        let request = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";
        for end in 0..request.len() {
            assert_eq!(asked(&request[..end]), None, "{:?}", &request[..end]);
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_answered_at_last(mut head in vec(any::<u8>(), 0..200)) {
            let now = SystemTime::UNIX_EPOCH;
            if answer(&head, String::new, now).is_none() {
                head.resize(MAX_HEAD, b'x');
                prop_assert!(answer(&head, String::new, now).is_some());
            }
        }
    }
}
