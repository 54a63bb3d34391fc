use std::fmt::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::connection::serve_connection;
use crate::hub::{Hub, HubConfig};
use crate::protocol::{DetectProtocol, JsonProtocol, Protocol};
use crate::runtime::{Address, Runtime, RuntimeExt};
use crate::testing::{TestRuntime, TestStream, duplex};

/// Remembers every span and every event, with the spans that it is in.
#[derive(Clone, Default)]
struct Recorder {
    /// In the order in which they were opened; the ids of those that are closed are used again.
    spans: Arc<Mutex<Vec<(Id, Recorded)>>>,
    events: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Debug, Default)]
struct Recorded {
    name: &'static str,
    parent: Option<&'static str>,
    fields: String,
    entered: usize,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut recorded = Recorded {
            name: span.name(),
            parent: span.parent().map(|parent| parent.name()),
            ..Recorded::default()
        };
        attributes.record(&mut Fields(&mut recorded.fields));
        self.spans.lock().unwrap().push((id.clone(), recorded));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.change(id, |span| values.record(&mut Fields(&mut span.fields)));
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        self.change(id, |span| span.entered += 1);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = String::new();
        for span in context.event_scope(event).into_iter().flatten() {
            write!(line, "{}<", span.name()).unwrap();
        }
        event.record(&mut Fields(&mut line));
        self.events.lock().unwrap().push(line);
    }
}

impl Recorder {
    /// Records what this thread does, until the guard is dropped.
    fn start() -> (Self, DefaultGuard) {
        // Who is interested in an event is asked when it happens for the first time, in whichever test that is. While there is
        // but one subscriber, the thread where it happens is asked, which may have none; where there are two, both are.
        static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&SECOND);
        let recorder = Self::default();
        let subscriber = Registry::default().with(recorder.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        // If the first time is just now, in another thread, nobody has told it of this recorder.
        let world = World::new();
        let peer = world.connect(DetectProtocol::default());
        world.asks(&peer, "/nick ann\n/join rust\n/quit\n");
        peer.end();
        world.time.run();
        tracing::callsite::rebuild_interest_cache();
        recorder.spans.lock().unwrap().clear();
        recorder.events.lock().unwrap().clear();
        (recorder, guard)
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Recorded)) {
        let mut spans = self.spans.lock().unwrap();
        let (_, span) = spans.iter_mut().rfind(|(known, _)| known == id).unwrap();
        change(span);
    }

    /// All spans of this name, in the order in which they were opened.
    fn spans(&self, name: &str) -> Vec<Recorded> {
        let spans = self.spans.lock().unwrap();
        let named = spans.iter().filter(|(_, span)| span.name == name);
        named.map(|(_, span)| span.clone()).collect()
    }

    fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }
}

struct World {
    time: TestRuntime,
    runtime: Arc<dyn Runtime>,
    hub: Hub,
}

impl World {
    fn new() -> Self {
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
        Self {
            hub: Hub::new(runtime.clone(), HubConfig::default()),
            runtime,
            time,
        }
    }

    fn connect(&self, protocol: impl Protocol + Send + 'static) -> TestStream {
        let (peer, stream) = duplex(64 * 1024);
        let connection = serve_connection(stream, protocol, &self.hub, &self.runtime);
        let address = Address::Tcp(([192, 0, 2, 7], 4711).into());
        self.runtime.spawn(connection.with_peer(address)).detach();
        self.time.run();
        peer
    }

    fn asks(&self, peer: &TestStream, text: &str) -> String {
        peer.send(text);
        self.time.run();
        peer.receive()
    }
}

#[test]
fn a_connection_and_its_session_have_a_span_each() {
    let (recorder, _guard) = Recorder::start();
    let world = World::new();
    let peer = world.connect(DetectProtocol::default());
    world.asks(&peer, "/nick ann\n/join rust\n/quit\n");
    peer.end();
    world.time.run();
    let connections = recorder.spans("connection");
    assert_eq!(connections.len(), 1);
    assert_eq!(
        connections[0].fields,
        " peer=192.0.2.7:4711 protocol=\"text\""
    );
    let sessions = recorder.spans("session");
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].parent, Some("connection"));
    assert_eq!(sessions[0].fields, " id=1 nick=\"guest-1\" rooms=1");
    let events = recorder.events();
    let inside = "session<connection<";
    for event in [
        " message=opened",
        " message=joined room=#general rooms=1",
        " message=took a nick nick=ann",
        " message=left room=#general rooms=0",
        " message=joined room=#rust rooms=1",
        " message=closing reason=\"quit\"",
        " message=closed reason=\"quit\"",
    ] {
        let event = format!("{inside}{event}");
        assert!(events.contains(&event), "{event} in {events:#?}");
    }
}

#[test]
fn a_session_that_is_resumed_has_a_span_in_its_new_connection() {
    let (recorder, _guard) = Recorder::start();
    let world = World::new();
    let first = world.connect(JsonProtocol::default());
    let welcome = world.asks(&first, "{\"id\":1,\"op\":\"hello\",\"nick\":\"ann\"}\n");
    let token = welcome.split_once("\"token\":\"").unwrap().1;
    let token = token.split_once('"').unwrap().0.to_owned();
    world.asks(&first, "{\"id\":2,\"op\":\"join\",\"room\":\"rust\"}\n");
    first.end();
    world.time.run();
    let second = world.connect(JsonProtocol::default());
    world.asks(
        &second,
        &format!("{{\"id\":1,\"op\":\"hello\",\"resume\":\"{token}\"}}\n"),
    );
    let sessions: Vec<_> = recorder.spans("session");
    let fields: Vec<_> = sessions.iter().map(|span| &*span.fields).collect();
    let (first, resumed) = (fields[0], fields[fields.len() - 1]);
    assert_eq!(first, " id=1 nick=\"ann\" rooms=1");
    assert_eq!(resumed, " id=1 nick=\"ann\"");
    let told = format!("{:#?}{:#?}", sessions, recorder.events());
    assert!(!told.contains(&token), "the token is in {told}");
}

#[test]
fn no_text_of_anybody_is_traced() {
    const SECRET: &str = "xyzzy";
    let (recorder, _guard) = Recorder::start();
    let world = World::new();
    let alice = world.connect(DetectProtocol::default());
    world.asks(&alice, "/nick alice\n");
    let program = world.connect(DetectProtocol::default());
    let heard = world.asks(
        &program,
        "{\"id\":1,\"op\":\"hello\",\"nick\":\"bot\"}\n{\"id\":2,\"op\":\"join\",\"room\":\"general\"}\n",
    );
    assert!(heard.contains("\"ok\""), "{heard}");
    for line in [
        "xyzzy",
        "/me xyzzy",
        "/msg bot xyzzy",
        "/login xyzzy xyzzy",
        "/xyzzy",
        "/msg nobody xyzzy",
        "xyzzy\x07",
        "/history",
    ] {
        world.asks(&alice, &format!("{line}\n"));
    }
    for request in [
        r#"{"id":3,"op":"say","room":"general","text":"xyzzy","client_id":"xyzzy"}"#,
        r#"{"id":3,"op":"message","to":"alice","text":"xyzzy"}"#,
        r#"{"id":3,"op":"topic","room":"general","text":"xyzzy"}"#,
        r#"{"id":3,"op":"login","account":"xyzzy","password":"xyzzy"}"#,
        r#"{"id":3,"op":"login","token":"xyzzy"}"#,
        r#"{"id":3,"op":"xyzzy"}"#,
        r#"{"id":3,"op":"hello","resume":"xyzzy"}"#,
        r#"{"id":3,"op":"quit","text":"xyzzy"}"#,
    ] {
        world.asks(&program, &format!("{request}\n"));
    }
    let heard = world.asks(&alice, "/quit xyzzy\n");
    assert!(heard.contains(SECRET), "the secret was told: {heard}");
    alice.end();
    program.end();
    world.time.run();
    let told = format!(
        "{:#?}{:#?}",
        recorder.spans.lock().unwrap(),
        recorder.events()
    );
    assert!(told.contains("message=closed"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
}

#[test]
fn whoever_renames_for_ever_leaves_no_trail_in_the_span() {
    let (recorder, _guard) = Recorder::start();
    let world = World::new();
    let peer = world.connect(DetectProtocol::default());
    for n in 0..50 {
        world.asks(&peer, &format!("/nick name-{n}\n/join room-{n}\n"));
    }
    let session = recorder.spans("session").remove(0);
    assert!(session.entered >= 50, "{session:?}");
    assert!(session.fields.len() < 40, "{session:?}");
}

#[test]
fn that_a_connection_was_dropped_is_told_when_its_session_has_left() {
    let (recorder, _guard) = Recorder::start();
    let world = World::new();
    let (peer, stream) = duplex(64 * 1024);
    let connection = serve_connection(stream, JsonProtocol::default(), &world.hub, &world.runtime);
    let connection = world.runtime.spawn(connection);
    let hello = "{\"id\":1,\"op\":\"hello\",\"nick\":\"ann\"}\n";
    assert!(world.asks(&peer, hello).contains("token"));
    drop(connection);
    world.time.run();
    let events = recorder.events();
    let told = |what: &str| {
        let found = events.iter().position(|event| event.ends_with(what));
        found.unwrap_or_else(|| panic!("nothing {what} in {events:#?}"))
    };
    assert!(told(" message=parked") < told(" message=dropped"));
}

#[test]
fn a_connection_keeps_no_spans_where_nobody_wants_them() {
    let world = World::new();
    let recorder = Recorder::default();
    let informed = Registry::default().with(LevelFilter::INFO);
    let _guard = tracing::subscriber::set_default(informed.with(recorder.clone()));
    let mut telemetry = super::Telemetry::new(&world.hub);
    telemetry.open_spans(&crate::session::Session::open(&world.hub));
    assert!(telemetry.spans.is_none());
    assert!(recorder.spans("connection").is_empty());
}
