//! Many people at once.

use std::collections::HashMap;

use super::descriptors;
use super::site::Site;
use super::venue::{is_welcomed, meet};
use crate::waiting_for;

const PEOPLE: usize = 500;
const ROOMS: usize = 50;
const EACH: usize = 8;

pub(super) fn five_hundred_people_in_fifty_rooms_hear_everything_once(site: &dyn Site) {
    descriptors::allow_many();
    meet(site, async |venue| {
        let mut people = Vec::new();
        for n in 0..PEOPLE {
            let mut person = venue.stranger(&format!("number {n}")).await;
            person.says(&format!("/join room-{}", n % ROOMS)).await;
            people.push(person);
        }
        waiting_for("five hundred people to be in their rooms");
        let arriving = people.iter_mut().map(async |person| {
            is_welcomed(person).await;
            person.catches_up().await;
        });
        futures::future::join_all(arriving).await;
        let mut rooms: Vec<_> = venue.server.hub().rooms();
        rooms.retain(|room| room.members == PEOPLE / ROOMS);
        assert_eq!(rooms.len(), ROOMS, "everybody is in a room");

        // All at the same time: everyone talks, and listens to everyone in the room.
        waiting_for("five hundred people to hear everything");
        let conversations = people.iter_mut().enumerate().map(async |(n, person)| {
            let room = format!("[#room-{}] ", n % ROOMS);
            let mut heard = Vec::new();
            for said in 0..EACH {
                person.says(&format!("{n} says {said}")).await;
            }
            while heard.len() < EACH * PEOPLE / ROOMS {
                let line = person.line().await;
                // What is not a message is somebody who came.
                if let Some(message) = line.strip_prefix(&room) {
                    let (_, text) = message.split_once(": ").expect("somebody said it");
                    heard.push(text.to_owned());
                } else {
                    assert!(line.starts_with("* "), "{line:?} in {room}");
                }
            }
            person.hears_nothing_more().await;
            heard
        });
        let heard = futures::future::join_all(conversations).await;

        for (n, messages) in heard.iter().enumerate() {
            let first = &heard[n % ROOMS];
            assert!(messages == first, "{n} and {} differ in order", n % ROOMS);
            let mut next: HashMap<&str, usize> = HashMap::new();
            for message in messages {
                let (who, said) = message.split_once(" says ").expect("a message");
                let next = next.entry(who).or_default();
                assert_eq!(said, next.to_string(), "of {who}, as {n} hears it");
                *next += 1;
                let from: usize = who.parse().expect("a number");
                assert_eq!(from % ROOMS, n % ROOMS, "{n} hears {who}");
            }
            assert!(
                next.values().all(|said| *said == EACH),
                "{n} misses something"
            );
        }
    });
}
