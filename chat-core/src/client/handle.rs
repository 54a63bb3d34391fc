use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::Stream;
use futures::channel::oneshot;

use super::answer::{Joined, Reply, Said};
use super::connector::Connector;
use super::conversation::Conversation;
use super::driver::Driver;
use super::error::{ClientError, End};
use super::event::Event;
use super::options::ClientOptions;
use super::queue::EventQueue;
use super::request::Request;
use super::shared::Shared;
use crate::hub::{Occupant, RoomSummary};
use crate::message::{Body, Message, MessageKind};
use crate::name::{Nick, RoomName};
use crate::runtime::{Duplex, Runtime, RuntimeExt};
use crate::store::HistoryRange;

/// A client of a chat server, to ask things of. Cheap to clone: clones are the same client.
///
/// Dropping the last clone closes the client in the background, as [`close`](Client::close) does, with
/// nobody to wait for it.
///
/// # Cancel safety
///
/// What the request methods return does nothing before it is polled. From then on the request is the
/// client's: requests take effect in the order in which they were polled first, unless there were too many
/// outstanding at that time. **Dropping** such a future is safe at any point. A request that was not sent
/// yet is taken back; one that was is carried out once or not at all, and its answer is thrown away.
///
/// # Errors
///
/// Every request may end with
///
/// - [`Refused`](ClientError::Refused): the server has not done it;
/// - [`Ended`](ClientError::Ended): the client has ended, and the request was not sent;
/// - [`Unknown`](ClientError::Unknown): the connection was lost meanwhile, and it is not known whether it
///   was done. A client that reconnects has that only for a topic and a private message, which cannot be
///   repeated without harm, and for any change when the session could not be resumed. Everything else is
///   sent again or answered by what is known of the resumed session.
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// Says hello over `stream`, and talks for as long as that lasts.
    ///
    /// The conversation runs on `runtime` as a task of its own, so that answers and events come in while
    /// the program does something else, and so that nothing can be forgotten to be run. It ends with the
    /// client.
    ///
    /// # Errors
    ///
    /// [`Refused`](ClientError::Refused) when the server does not let the client in or the nick is taken,
    /// [`NotConnected`](ClientError::NotConnected) when the stream fails first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up: the client takes leave in the background.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use chat_core::runtime::{Duplex, Runtime};
    /// # async fn example(stream: impl Duplex, runtime: Arc<dyn Runtime>) -> Result<(), Box<dyn std::error::Error>> {
    /// use chat_core::client::{Client, ClientOptions};
    ///
    /// let (client, _events) = Client::connect(stream, ClientOptions::default(), &runtime).await?;
    /// for room in client.rooms().await? {
    ///     println!("{} has {} members", room.name, room.members);
    /// }
    /// client.close().await?;
    /// # Ok(()) }
    /// ```
    pub async fn connect(
        stream: impl Duplex,
        options: ClientOptions,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<(Self, Events), ClientError> {
        let mut stream = Some(stream);
        let only_once = move || {
            let stream = stream.take().ok_or(io::ErrorKind::NotConnected);
            async { Ok(stream?) }
        };
        Self::start(only_once, false, options, runtime).await
    }

    /// Says hello over a stream of the connector's, and over another one whenever a connection is lost.
    ///
    /// The session and everything outstanding outlive the connection:
    ///
    /// - The session is resumed where the server still has it: others see nothing, and messages that came
    ///   meanwhile are delivered, or the gap is told exactly ([`Event::Missed`]).
    /// - Every [`say`](Client::say) carries an id of its own. One without an answer is sent again under
    ///   the same id, so that the room has it once.
    /// - Where the session is over, a new one begins ([`Event::SessionLost`]), and rooms are entered again.
    ///
    /// The first connection is not repeated, unless the options say that the client
    /// [insists](ClientOptions::insist).
    ///
    /// # Errors
    ///
    /// As [`connect`](Client::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up: the client takes leave in the background.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use chat_core::client::Connector;
    /// # use chat_core::runtime::Runtime;
    /// # async fn example(connector: impl Connector, runtime: Arc<dyn Runtime>) -> Result<(), Box<dyn std::error::Error>> {
    /// use chat_core::client::{Client, ClientOptions, Event};
    /// use chat_core::message::MessageKind;
    /// use chat_core::name::{Nick, RoomName};
    /// use futures::StreamExt;
    ///
    /// let mut options = ClientOptions::default();
    /// options.nick = Some(Nick::parse("echo")?);
    /// let (client, mut events) = Client::reconnecting(connector, options, &runtime).await?;
    /// let room = RoomName::parse("rust")?;
    /// client.join(&room).await?;
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Message(message) if Some(&message.sender) != client.nick().as_ref() => {
    ///             client.say(&room, MessageKind::Say, message.body).await?;
    ///         }
    ///         Event::Missed(missed) => println!("did not see {:?}", missed.messages),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn reconnecting(
        connector: impl Connector,
        options: ClientOptions,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<(Self, Events), ClientError> {
        Self::start(connector, true, options, runtime).await
    }

    async fn start(
        connector: impl Connector,
        reconnects: bool,
        mut options: ClientOptions,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<(Self, Events), ClientError> {
        let mut bits = || options.random.next().ok_or(ClientError::NoRandomBits);
        let prefix = format!("{:016x}{:016x}", bits()?, bits()?);
        let conversation = Conversation::new(
            options.nick.take(),
            options.credentials.take(),
            options.rejoin,
            options.max_outstanding,
            prefix,
        );
        let shared = Arc::new(Shared::new(
            conversation,
            EventQueue::new(options.event_capacity, options.when_full),
            Arc::clone(runtime),
            options.close_timeout,
        ));
        let client = Self::of(&shared);
        let events = Events {
            shared: Arc::clone(&shared),
        };
        let (first, welcomed) = oneshot::channel();
        let driver = Driver::new(connector, reconnects, options, shared, first);
        runtime.spawn(driver.run()).detach();
        match welcomed.await {
            Ok(welcomed) => welcomed.map(|()| (client, events)),
            Err(oneshot::Canceled) => Err(ClientError::Ended(End::Abandoned)),
        }
    }

    /// Enters a room. Its messages come as [events](Events) from then on.
    ///
    /// When the connection is lost while this is on its way, the room may be left and entered again.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn join(&self, room: &RoomName) -> Result<Joined, ClientError> {
        match self.ask(Request::Join(room.clone())).await? {
            Reply::Joined(joined) => Ok(joined),
            _ => Err(ClientError::Unknown),
        }
    }

    /// Leaves a room.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn leave(&self, room: &RoomName) -> Result<(), ClientError> {
        self.ask(Request::Leave(room.clone())).await.map(drop)
    }

    /// Says or does something in a room. Returns once the room has it, with its number there.
    ///
    /// # Errors
    ///
    /// See [`Client`]. `Ok` means that the room has the message exactly once, also when the connection was
    /// lost meanwhile; [`Refused`](ClientError::Refused) and [`Ended`](ClientError::Ended) that it does
    /// not have it. A server remembers a limited number of ids: a client that says very much in a short
    /// time is refused with `too_many_ids`.
    ///
    /// # Cancel safety
    ///
    /// See [`Client`]: after dropping the future, the room has the message once or not at all.
    pub async fn say(
        &self,
        room: &RoomName,
        kind: MessageKind,
        body: Body,
    ) -> Result<Said, ClientError> {
        match self.ask(Request::say(room, kind, body)).await? {
            Reply::Said(said) => Ok(said),
            _ => Err(ClientError::Unknown),
        }
    }

    /// Says something to one person.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn message(&self, recipient: &Nick, body: Body) -> Result<(), ClientError> {
        let recipient = recipient.clone();
        let request = Request::Message { recipient, body };
        self.ask(request).await.map(drop)
    }

    /// Takes another nick, in this session and in those that may follow it. Returns the nick as the server
    /// has it.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn take_nick(&self, nick: Nick) -> Result<Nick, ClientError> {
        match self.ask(Request::Nick(nick)).await? {
            Reply::Nick(nick) => Ok(nick),
            _ => Err(ClientError::Unknown),
        }
    }

    /// Sets a room's topic, or takes it away.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn set_topic(&self, room: &RoomName, topic: Option<Body>) -> Result<(), ClientError> {
        let room = room.clone();
        self.ask(Request::Topic { room, topic }).await.map(drop)
    }

    /// The topic of a room that the client is in.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn topic(&self, room: &RoomName) -> Result<Option<Body>, ClientError> {
        match self.ask(Request::TopicOf(room.clone())).await? {
            Reply::Topic(topic) => Ok(topic),
            _ => Err(ClientError::Unknown),
        }
    }

    /// The rooms of the server.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn rooms(&self) -> Result<Vec<RoomSummary>, ClientError> {
        match self.ask(Request::Rooms).await? {
            Reply::Rooms(rooms) => Ok(rooms),
            _ => Err(ClientError::Unknown),
        }
    }

    /// Who is in a room that the client is in.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn who(&self, room: &RoomName) -> Result<Vec<Occupant>, ClientError> {
        match self.ask(Request::Who(room.clone())).await? {
            Reply::Occupants(occupants) => Ok(occupants),
            _ => Err(ClientError::Unknown),
        }
    }

    /// At most `limit` of the messages that a room remembers, oldest first. The server may return fewer.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn history(
        &self,
        room: &RoomName,
        range: HistoryRange,
        limit: usize,
    ) -> Result<Vec<Message>, ClientError> {
        let room = room.clone();
        let request = Request::History { room, range, limit };
        match self.ask(request).await? {
            Reply::Messages(messages) => Ok(messages),
            _ => Err(ClientError::Unknown),
        }
    }

    /// Waits for a sign of life of the server. The client asks for them by itself when it is quiet.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    ///
    /// # Cancel safety
    ///
    /// See [`Client`].
    pub async fn ping(&self) -> Result<(), ClientError> {
        self.ask(Request::Ping).await.map(drop)
    }

    /// Waits until every request that was made has its answer, then takes leave of the server and ends the
    /// client. New requests are refused from now on; events that are not taken no longer hold anything
    /// up.
    ///
    /// A client that is without a connection and has nothing outstanding does not connect once more to
    /// take leave.
    ///
    /// # Errors
    ///
    /// [`NotDrained`](ClientError::NotDrained) when that takes longer than
    /// [`close_timeout`](ClientOptions::close_timeout); the requests have ended as well then.
    /// [`Ended`](ClientError::Ended) when the client has ended otherwise.
    ///
    /// # Cancel safety
    ///
    /// The order is given at the first poll; dropping the future after it stops waiting, not closing.
    pub async fn close(&self) -> Result<(), ClientError> {
        self.quit(None).await
    }

    /// [Closes](Client::close) the client, and tells others why.
    ///
    /// # Errors
    ///
    /// As [`close`](Client::close).
    ///
    /// # Cancel safety
    ///
    /// As [`close`](Client::close).
    pub async fn quit(&self, reason: Option<Body>) -> Result<(), ClientError> {
        self.shared.close(reason);
        loop {
            let ended = self.shared.ended.listen();
            let end = self
                .shared
                .with(|state| state.end.clone().map(|end| (end, state.unanswered)));
            match end {
                None => ended.await,
                Some((End::Closed, 0)) => return Ok(()),
                Some((End::Closed, outstanding)) => {
                    return Err(ClientError::NotDrained { outstanding });
                }
                Some((end, _)) => return Err(ClientError::Ended(end)),
            }
        }
    }

    /// What the client is called, as far as it has heard.
    pub fn nick(&self) -> Option<Nick> {
        self.shared.with(|state| state.conversation.nick().cloned())
    }

    /// The rooms that the client is in, as far as it has heard.
    pub fn joined_rooms(&self) -> Vec<RoomName> {
        self.shared
            .with(|state| state.conversation.rooms().cloned().collect())
    }

    /// Whether there is a connection, as far as that can be known.
    pub fn is_connected(&self) -> bool {
        self.shared.with(|state| state.conversation.is_up())
    }

    /// Why the client has ended, once it has.
    pub fn end(&self) -> Option<End> {
        self.shared.with(|state| state.end.clone())
    }

    async fn ask(&self, request: Request) -> Result<Reply, ClientError> {
        loop {
            let room = self.shared.room.listen();
            let answer = self.shared.with(|state| {
                if let Some(end) = &state.end {
                    return Err(ClientError::Ended(end.clone()));
                }
                if state.conversation.is_closing() {
                    return Err(ClientError::Ended(End::Closed));
                }
                let submitted = state.conversation.submit(&request);
                if submitted.is_some() {
                    state.wake_driver();
                }
                Ok(submitted)
            })?;
            let Some((number, receiver)) = answer else {
                room.await;
                continue;
            };
            let answer = Answer {
                shared: Arc::clone(&self.shared),
                number,
                receiver,
                is_answered: false,
            };
            return answer.await;
        }
    }

    fn of(shared: &Arc<Shared>) -> Self {
        shared.add_handle();
        Self {
            shared: Arc::clone(shared),
        }
    }
}

impl Clone for Client {
    fn clone(&self) -> Self {
        Self::of(&self.shared)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.drop_handle();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("nick", &self.nick())
            .field("rooms", &self.joined_rooms())
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

/// The answer to a request that was submitted; dropping it takes the request back.
struct Answer {
    shared: Arc<Shared>,
    number: u64,
    receiver: oneshot::Receiver<Result<Reply, ClientError>>,
    is_answered: bool,
}

impl Future for Answer {
    type Output = Result<Reply, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.receiver).poll(cx));
        self.is_answered = true;
        Poll::Ready(answer.unwrap_or(Err(ClientError::Unknown)))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.is_answered {
            self.shared.with(|state| state.abandon(self.number));
        }
    }
}

/// What happens, as a stream of [`Event`]s. The last one is [`Event::Ended`].
///
/// It is [bounded](ClientOptions::event_capacity). Dropping it means that nobody wants to know; the client
/// goes on.
///
/// # Cancel safety
///
/// An event that was not returned stays in the queue: dropping the future of
/// [`next`](futures::StreamExt::next) loses nothing.
pub struct Events {
    shared: Arc<Shared>,
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.shared.with(|state| state.poll_event(cx))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.with(|state| state.stop_reading());
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
