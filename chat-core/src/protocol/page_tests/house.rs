//! The product of the examples: some accounts, a room for staff, and opinions on what is said.

use std::future;

use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::policy::{Credentials, Decision, Denial, Person, Policy};
use crate::runtime::Address;

#[derive(Default)]
pub(super) struct House {
    pub(super) closed: bool,
}

impl Policy for House {
    fn connect(&self, _: Option<&Address>) -> Decision<()> {
        match self.closed {
            true => Decision::deny("closed for today"),
            false => Decision::allow(()),
        }
    }

    fn log_in(&self, _: &Person<'_>, credentials: Credentials) -> Decision<String> {
        Decision::later(async move {
            match credentials {
                Credentials::Password { account, password } if password == "open sesame" => {
                    Ok(account)
                }
                Credentials::Token(token) if token == "d3adbeef" => Ok("ann".into()),
                _ => Err(Denial::new("wrong account or password")),
            }
        })
    }

    fn nick(&self, who: &Person<'_>, nick: &Nick) -> Decision<()> {
        match (nick.as_str(), who.account) {
            ("root", None) => Decision::deny("log in to be root"),
            ("slowpoke", _) => Decision::later(future::pending()),
            _ => Decision::allow(()),
        }
    }

    fn join(&self, who: &Person<'_>, room: &RoomName) -> Decision<()> {
        match (room.as_str(), who.account) {
            ("staff", None) => Decision::deny("this room is for staff"),
            _ => Decision::allow(()),
        }
    }

    fn message(&self, _: &Person<'_>, _: &RoomName, _: MessageKind, body: Body) -> Decision<Body> {
        match body.as_str() {
            "BUY NOW" => Decision::deny("no advertisements"),
            _ => Decision::allow(body),
        }
    }
}
