//! What single steps cost in time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use chat_core::framing::Lines;
use chat_core::message::Body;
use chat_core::name::{Nick, RoomName};
use chat_core::protocol::{Delivery, Protocol, TextProtocol};
use chat_microbench::{House, LINE, decode};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// How many messages are said before they are delivered.
const BATCH: u64 = 64;

fn body() -> Body {
    let text = std::str::from_utf8(LINE.trim_ascii_end()).expect("UTF-8");
    Body::parse(text).expect("a message")
}

fn decoding(c: &mut Criterion) {
    let mut lines = Lines::new(TextProtocol::MAX_LINE);
    c.bench_function("decode a line", |b| {
        b.iter(|| decode(&mut lines, black_box(LINE)))
    });
}

fn encoding(c: &mut Criterion) {
    let house = House::with_members(0);
    let mut protocol = TextProtocol::default();
    let mut out = Vec::new();
    c.bench_function("encode a message for the first who gets it", |b| {
        b.iter_custom(|times| {
            let mut total = Duration::ZERO;
            for _ in 0..times {
                house.say(&body());
                let event = house.last_said();
                let start = Instant::now();
                protocol.encode(Delivery::Event(&event), house.speaker(), &mut out);
                total += start.elapsed();
                out.clear();
            }
            total
        });
    });
    house.say(&body());
    let event = house.last_said();
    c.bench_function("encode a message for all others", |b| {
        b.iter(|| {
            out.clear();
            protocol.encode(
                Delivery::Event(black_box(&event)),
                house.speaker(),
                &mut out,
            );
        });
    });
}

fn publishing(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish to members");
    for members in [1, 100, 10_000] {
        let mut house = House::with_members(members);
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::from_parameter(members), |b| {
            b.iter_custom(|times| {
                let mut total = Duration::ZERO;
                let mut left = times;
                while left > 0 {
                    let batch = left.min(BATCH);
                    let bodies: Vec<_> = (0..batch).map(|_| body()).collect();
                    let start = Instant::now();
                    bodies.iter().for_each(|body| house.say(body));
                    total += start.elapsed();
                    house.deliver();
                    left -= batch;
                }
                total
            });
        });
    }
    group.finish();
}

fn delivering(c: &mut Criterion) {
    let mut house = House::with_members(1);
    let body = body();
    let mut group = c.benchmark_group("push to an outbox and drain it");
    for messages in [1, 32] {
        group.throughput(Throughput::Elements(messages));
        group.bench_function(BenchmarkId::from_parameter(messages), |b| {
            b.iter(|| {
                (0..messages).for_each(|_| house.say(&body));
                house.deliver();
            });
        });
    }
    group.finish();
}

fn names(c: &mut Criterion) {
    c.bench_function("parse a nick", |b| {
        b.iter(|| Nick::parse(black_box("al1ce_[away]")))
    });
    c.bench_function("parse a room name", |b| {
        b.iter(|| RoomName::parse(black_box("#rust-büro")))
    });
}

criterion_group!(steps, decoding, encoding, publishing, delivering, names);
criterion_main!(steps);
