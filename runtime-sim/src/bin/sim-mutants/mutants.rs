/// A bug to be planted.
pub(crate) struct Mutant {
    /// What is wrong.
    pub(crate) name: &'static str,
    /// Where, in `chat-core/src`.
    pub(crate) file: &'static str,
    /// A piece of the text, which must be there once, within one function that is not `const`.
    pub(crate) from: &'static str,
    /// What is put in its place.
    pub(crate) to: &'static str,
}

/// All bugs there are to plant, from the outbox to the server.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a push wakes nobody",
        file: "hub/outbox.rs",
        from: r#"        state.count(&self.bounds.memory, &mut wakes.lease);
        state.wake(wakes);
    }"#,
        to: r#"        state.count(&self.bounds.memory, &mut wakes.lease);
    }"#,
    },
    Mutant {
        name: "an order to close wakes nobody",
        file: "hub/outbox.rs",
        from: r#"            self.closing = Some(closing);
            self.wants_events = false;
            wakes.wakers.extend(self.waker.take());"#,
        to: r#"            self.closing = Some(closing);
            let _ = wakes;"#,
    },
    Mutant {
        name: "dropped without a notice",
        file: "hub/outbox.rs",
        from: r#"        self.note_missed(self.lead, &event);
"#,
        to: "",
    },
    Mutant {
        name: "a notice is off by one",
        file: "hub/outbox.rs",
        from: r#"messages: number.map(|number| (number, number)),"#,
        to: r#"messages: number.map(|number| (number, number + 1)),"#,
    },
    Mutant {
        name: "missed presence is counted twice",
        file: "hub/outbox.rs",
        from: r#"None => missed.presence += 1,"#,
        to: r#"None => missed.presence += 2,"#,
    },
    Mutant {
        name: "one message more than the limit",
        file: "hub/outbox.rs",
        from: r#"load.entries <= limits.messages"#,
        to: r#"load.entries <= limits.messages + 1"#,
    },
    Mutant {
        name: "the limit of bytes is no limit",
        file: "hub/outbox.rs",
        from: r#"load.bytes <= limits.bytes"#,
        to: r#"self.room.bytes <= limits.bytes"#,
    },
    Mutant {
        name: "private messages take all the room",
        file: "hub/outbox.rs",
        from: r#"self.bounds.limits.messages.div_ceil(2)"#,
        to: r#"self.bounds.limits.messages"#,
    },
    Mutant {
        name: "sleeps through an order to close",
        file: "hub/outbox.rs",
        from: r#"if let Some(closing) = &state.closing {
            return Rest::Closing(closing.clone());"#,
        to: r#"if let Some(closing) = state.closing.as_ref().filter(|_| wants_events) {
            return Rest::Closing(closing.clone());"#,
    },
    Mutant {
        name: "what is taken still counts",
        file: "hub/outbox.rs",
        from: r#"        self.room -= Load::one(event.weight());
"#,
        to: "",
    },
    Mutant {
        name: "answers that are taken still count",
        file: "hub/outbox.rs",
        from: r#"                if entry.holds_up_input() {
                    self.answer_bytes
                        .fetch_sub(entry.weight(), Ordering::Relaxed);"#,
        to: r#"                if entry.holds_up_input() {
                    self.answer_bytes
                        .fetch_sub(entry.weight() / 2, Ordering::Relaxed);"#,
    },
    Mutant {
        name: "the last words are forgotten",
        file: "hub/outbox.rs",
        from: r#"            state.push_back(Outgoing::Reply(last_words));"#,
        to: "",
    },
    Mutant {
        name: "the next to make way is not looked for",
        file: "hub/outbox.rs",
        from: r#"        self.note_missed(self.lead, &event);
        self.find_lead();"#,
        to: r#"        self.note_missed(self.lead, &event);"#,
    },
    Mutant {
        name: "a slow consumer is not told why",
        file: "hub/outbox.rs",
        from: r#"if self.bounds.limits.slow_consumer == SlowConsumer::Disconnect {
                state.close(CloseReason::SlowConsumer.into(), wakes);"#,
        to: r#"if self.bounds.limits.slow_consumer == SlowConsumer::Disconnect {
                state.close(CloseReason::PeerClosed.into(), wakes);"#,
    },
    Mutant {
        name: "a number is left out",
        file: "hub/room.rs",
        from: r#"let number = self.last_number + 1;"#,
        to: r#"let number = self.last_number + 1 + u64::from(self.last_number == 6);"#,
    },
    Mutant {
        name: "a number is used twice",
        file: "hub/room.rs",
        from: r#"self.last_number = number;"#,
        to: r#"self.last_number = number - u64::from(number == 9);"#,
    },
    Mutant {
        name: "a member is passed over",
        file: "hub/room.rs",
        from: r#"        for (_, member) in self.approach_members() {
            member.outbox.push_room(&event, wakes);"#,
        to: r#"        for (_, member) in self.members.iter().skip(usize::from(number == 20)) {
            member.outbox.push_room(&event, wakes);"#,
    },
    Mutant {
        name: "a leave is not announced",
        file: "hub/room.rs",
        from: r#"        state.announce(&event, self.key, wakes);
        state.members.remove(self.key);
        Some(event)"#,
        to: r#"        let _ = wakes;
        state.members.remove(self.key);
        Some(event)"#,
    },
    Mutant {
        name: "a quit is not announced",
        file: "hub/room.rs",
        from: r#"        state.announce_once(&event, usize::MAX, told, wakes);
        Some(event)"#,
        to: r#"        let _ = (told, wakes);
        Some(event)"#,
    },
    Mutant {
        name: "a member stays after it left",
        file: "hub/room.rs",
        from: r#"        state.announce(&event, self.key, wakes);
        state.members.remove(self.key);"#,
        to: r#"        state.announce(&event, self.key, wakes);"#,
    },
    Mutant {
        name: "a room remembers nothing",
        file: "hub/room.rs",
        from: r#"        self.memory.push(Arc::clone(&event));
"#,
        to: "",
    },
    Mutant {
        name: "a member keeps its old nick",
        file: "hub/room.rs",
        from: r#"std::mem::replace(&mut member.who.nick, nick.clone())"#,
        to: r#"member.who.nick.clone()"#,
    },
    Mutant {
        name: "a nick is given twice",
        file: "hub/directory.rs",
        from: r#"Some((taken, owner)) if owner.session != session => {"#,
        to: r#"Some((taken, owner)) if owner.session != session && owner.session > session => {"#,
    },
    Mutant {
        name: "the newest empty room is forgotten",
        file: "hub/directory.rs",
        from: r#"self.emptied.pop_first()"#,
        to: r#"self.emptied.pop_last()"#,
    },
    Mutant {
        name: "a room that fills again still counts as empty",
        file: "hub/directory.rs",
        from: r#"            self.emptied.remove(&entry.emptying);
        }
        entry
    }"#,
        to: r#"        }
        entry
    }"#,
    },
    Mutant {
        name: "a seat is never free again",
        file: "hub/directory.rs",
        from: r#"|entry| entry.seats -= 1)"#,
        to: r#"|entry| entry.seats -= usize::from(entry.seats % 7 != 3))"#,
    },
    Mutant {
        name: "the old nick is never free",
        file: "hub/presence.rs",
        from: r#"            self.hub.release_nick(&old);"#,
        to: "",
    },
    Mutant {
        name: "the nick of who quits is never free",
        file: "hub/presence.rs",
        from: r#"        if let Some(nick) = self.nick.take() {
            self.hub.release_nick(&nick);"#,
        to: r#"        if let Some(nick) = self.nick.take() {
            let _ = nick;"#,
    },
    Mutant {
        name: "a switch leaves first and gets lost",
        file: "hub/presence.rs",
        from: r#"        let mut reservation = self.hub.reserve(room)?;"#,
        to: r#"        if let Some(old) = old {
            let _ = self.stand_up(old, &mut Wakes::default());
        }
        let mut reservation = self.hub.reserve(room)?;
        let old: Option<usize> = None;"#,
    },
    Mutant {
        name: "wakers are dropped",
        file: "hub/presence.rs",
        from: r#"        let (number, said) = seat.say(self.id, kind, body, || self.hub.wall_clock(), &mut wakes)?;
        self.hub.wake(wakes);"#,
        to: r#"        let (number, said) = seat.say(self.id, kind, body, || self.hub.wall_clock(), &mut wakes)?;
        drop(wakes);"#,
    },
    Mutant {
        name: "write for write_all",
        file: "connection/driver/output.rs",
        from: r#"                    self.unflushed = true;
                    self.progressed = true;
                    sent += written;"#,
        to: r#"                    self.unflushed = true;
                    self.progressed = true;
                    sent += written.max(output.len() - sent);"#,
    },
    Mutant {
        name: "what a full stream left is sent again",
        file: "connection/driver/output.rs",
        from: r#"unsent.extend_from_slice(&output[sent..]);"#,
        to: r#"unsent.extend_from_slice(output);"#,
    },
    Mutant {
        name: "an interrupted read is an error",
        file: "connection/driver/input.rs",
        from: r#"                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                        continue;
                    }
"#,
        to: "",
    },
    Mutant {
        name: "an interrupted write is an error",
        file: "connection/driver/output.rs",
        from: r#"            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
            Poll::Ready(Err(error)) => Err(error),"#,
        to: r#"            Poll::Ready(Err(error)) => Err(error),"#,
    },
    Mutant {
        name: "yields and is never polled again",
        file: "connection/driver.rs",
        from: r#"        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending"#,
        to: r#"        let _ = more;
        Poll::Pending"#,
    },
    Mutant {
        name: "what is held back is never written",
        file: "connection/driver.rs",
        from: r#"                self.runtime.wake_later(cx.waker());"#,
        to: r#""#,
    },
    Mutant {
        name: "a stream that wakes is not asked",
        file: "hub/outbox/stir.rs",
        from: r#"        self.stir();
        self.rung.store(true, Ordering::Release);"#,
        to: r#"        self.rung.store(true, Ordering::Release);"#,
    },
    Mutant {
        name: "a stream that had something is not asked again",
        file: "connection/driver/input.rs",
        from: r#"        if polled.is_ready() {
            self.outbox.stir().stir();"#,
        to: r#"        if polled.is_pending() {
            self.outbox.stir().stir();"#,
    },
    Mutant {
        name: "a stream that wakes finds nobody",
        file: "hub/outbox.rs",
        from: r#"        let waker = outbox.lock().waker.take();"#,
        to: r#"        let waker = None::<Waker>;"#,
    },
    Mutant {
        name: "a stream wakes nobody while a connection closes",
        file: "connection/driver.rs",
        from: r#"            if self.phase.is_ending() {
                self.outbox.leave_waker"#,
        to: r#"            if self.phase.is_ending() && false {
                self.outbox.leave_waker"#,
    },
    Mutant {
        name: "an event goes ahead of those that wait",
        file: "hub/outbox/queue.rs",
        from: r#"        if self.is_empty() {
            self.first = Some(entry);
        } else {"#,
        to: r#"        if self.first.is_none() {
            self.first = Some(entry);
        } else {"#,
    },
    Mutant {
        name: "the idle timer is not moved",
        file: "connection/driver/input.rs",
        from: r#"                self.listen_anew();"#,
        to: r#"                self.pinged = false;"#,
    },
    Mutant {
        name: "nobody is ever idle where a rate is limited",
        file: "connection/driver/watch.rs",
        from: r#"                && delays.held_until.is_none()
"#,
        to: r#"                && config.rate_limit.is_none()
"#,
    },
    Mutant {
        name: "whoever was held back once is flooding from then on",
        file: "connection/driver/delays.rs",
        from: r#"            delays.held_since = None;
            delays.waited_until = None;"#,
        to: r#"            delays.waited_until = None;"#,
    },
    Mutant {
        name: "flooding times out in half of the time",
        file: "connection/driver/watch.rs",
        from: r#"consider(since, patience, Due::End(CloseReason::Flooding));"#,
        to: r#"consider(since, patience / 2, Due::End(CloseReason::Flooding));"#,
    },
    Mutant {
        name: "nobody is ever idle",
        file: "connection/driver/watch.rs",
        from: r#"                && delays.held_until.is_none()
"#,
        to: r#"                && delays.stalled_since.is_some()
"#,
    },
    Mutant {
        name: "who goes is not told of",
        file: "hub/coalescing.rs",
        from: r#"        wakes.add_late(&outboxes);"#,
        to: r#"        drop(outboxes);"#,
    },
    Mutant {
        name: "who comes is not told of",
        file: "hub/coalescing.rs",
        from: r#"        rooms.iter().for_each(|room| room.announce_at_last(wakes));"#,
        to: r#"        let _ = (rooms, &wakes);"#,
    },
    Mutant {
        name: "only the first who come are told of in time",
        file: "hub/arrivals.rs",
        from: r#"        self.is_promised = false;
"#,
        to: "",
    },
    Mutant {
        name: "what is said elsewhere comes before who came",
        file: "hub/coalescing.rs",
        from: r#"        rooms.iter().for_each(|room| room.announce_first(wakes));"#,
        to: r#"        let _ = &wakes;
        rooms.iter().for_each(|room| self.add_room(room));"#,
    },
    Mutant {
        name: "who comes elsewhere comes before who came",
        file: "hub/mod.rs",
        from: r#"        if self.room.is_heard() {"#,
        to: r#"        if false {"#,
    },
    Mutant {
        name: "an answer comes before who came",
        file: "session/mod.rs",
        from: r#"        self.catch_up();
        let mut wakes = Wakes::default();
        self.outbox.push_reply"#,
        to: r#"        let mut wakes = Wakes::default();
        self.outbox.push_reply"#,
    },
    Mutant {
        name: "what makes way makes way before who came",
        file: "connection/driver/output.rs",
        from: r#"                self.session.catch_up();
"#,
        to: "",
    },
    Mutant {
        name: "whoever asks is told twice who came",
        file: "hub/arrivals.rs",
        from: r#"std::mem::replace(knows, self.end())"#,
        to: r#"*knows"#,
    },
    Mutant {
        name: "whoever asks is not told of the latest who came",
        file: "hub/arrivals.rs",
        from: r#"        self.told = Tails::default();
"#,
        to: "",
    },
    Mutant {
        name: "nobody counts as being in several rooms",
        file: "hub/presence.rs",
        from: r#"        let is_in_several = seats > 1;"#,
        to: r#"        let is_in_several = seats > 100;"#,
    },
    Mutant {
        name: "whoever is in several rooms is forgotten with the first that is left",
        file: "hub/presence.rs",
        from: r#"        let left = self.stand_up(position, &mut wakes);
        self.expect_seats(self.seats.len());"#,
        to: r#"        let left = self.stand_up(position, &mut wakes);
        self.expect_seats(1);"#,
    },
    Mutant {
        name: "what is said comes before who came",
        file: "hub/room.rs",
        from: r#"        self.room.announce_arrivals(&mut state, When::Now, wakes);
        Ok(state.publish"#,
        to: r#"        Ok(state.publish"#,
    },
    Mutant {
        name: "a topic comes before who came",
        file: "hub/room.rs",
        from: r#"        self.room.announce_arrivals(&mut state, When::Now, wakes);
        Ok(state.set_topic"#,
        to: r#"        Ok(state.set_topic"#,
    },
    Mutant {
        name: "who leaves is told of before who came",
        file: "hub/room.rs",
        from: r#"        let mut state = self.room.lock_announced(When::Soon, wakes);
        let event = self.room.event(Event::Left {"#,
        to: r#"        let mut state = self.room.lock();
        let event = self.room.event(Event::Left {"#,
    },
    Mutant {
        name: "who quits is told of before who came",
        file: "hub/room.rs",
        from: r#"        let mut state = self.room.lock_announced(When::Soon, wakes);
        let event = self.room.event(Event::Quit {"#,
        to: r#"        let mut state = self.room.lock();
        let event = self.room.event(Event::Quit {"#,
    },
    Mutant {
        name: "a new nick is told of before who came",
        file: "hub/room.rs",
        from: r#"        let mut state = self.room.lock_announced(When::Now, wakes);
        let member = state.member_mut"#,
        to: r#"        let mut state = self.room.lock();
        let member = state.member_mut"#,
    },
    Mutant {
        name: "whoever comes is told of those before it",
        file: "hub/arrivals.rs",
        from: r#"        let known = place.saturating_sub(self.start);"#,
        to: r#"        let known = place.saturating_sub(self.start).min(0);"#,
    },
    Mutant {
        name: "whoever hears arrivals that are written down hears all of them",
        file: "event/series.rs",
        from: r#"written.starts.get(self.from)"#,
        to: r#"written.starts.first()"#,
    },
    Mutant {
        name: "whoever knows more than half of the arrivals is told of too many",
        file: "hub/arrivals.rs",
        from: r#"next: (tail.len() - left) as u32"#,
        to: r#"next: 0"#,
    },
    Mutant {
        name: "who is left of arrivals is told of once more",
        file: "event/series.rs",
        from: r#"self.events.len().saturating_sub(count)"#,
        to: r#"self.events.len().saturating_sub(count + 1)"#,
    },
    Mutant {
        name: "who came together makes way together",
        file: "hub/outbox/queue.rs",
        from: r#"                if latest.events().is_empty() {
                    self.remove(place);
                }"#,
        to: r#"                self.remove(place);"#,
    },
    Mutant {
        name: "arrivals count as one",
        file: "hub/outbox.rs",
        from: r#"            state.room += load;
"#,
        to: r#"            state.room += Load { entries: 1, ..load };
"#,
    },
    Mutant {
        name: "whoever is closed does not hear who came",
        file: "connection/driver.rs",
        from: r#"        self.session.catch_up();
        // Whether"#,
        to: r#"        // Whether"#,
    },
    Mutant {
        name: "a subscription hears who came before it",
        file: "hub/room.rs",
        from: r#"        let knows = state.unannounced.end();
        (!state.closed)"#,
        to: r#"        let knows = 0;
        (!state.closed)"#,
    },
    Mutant {
        name: "an alarm is set once",
        file: "runtime/alarm.rs",
        from: r#"if self.has_rung || deadline < self.set_to {"#,
        to: r#"if self.has_rung {"#,
    },
    Mutant {
        name: "the last line without its end is lost",
        file: "connection/driver/input.rs",
        from: r#"        let frame = self.lines.finish()?;
        let flow"#,
        to: r#"        let frame = self.lines.finish().filter(|_| false)?;
        let flow"#,
    },
    Mutant {
        name: "input beyond the budget is lost",
        file: "connection/driver/input.rs",
        from: r#"        self.keep_unread(input);
        None"#,
        to: r#"        self.keep_unread(&input[..input.len() / 2]);
        None"#,
    },
    Mutant {
        name: "a deaf connection never hears again",
        file: "connection/driver.rs",
        from: r#"output == Output::Exhausted || !budget.listens() || (self.deaf && !self.is_deaf())"#,
        to: r#"output == Output::Exhausted || !budget.listens()"#,
    },
    Mutant {
        name: "nobody is ever deaf",
        file: "connection/driver/input.rs",
        from: r#"waiting > ANSWERS.min(outbox.memory().share())"#,
        to: r#"waiting > 1000 * ANSWERS"#,
    },
    Mutant {
        name: "no FIN is sent",
        file: "connection/driver.rs",
        from: r#"match Pin::new(&mut self.stream).poll_close(cx) {"#,
        to: r#"match Poll::Ready(io::Result::Ok(())) {"#,
    },
    Mutant {
        name: "does not linger",
        file: "connection/driver.rs",
        from: r#"after(self.heard_at.max(closed_at), self.config.linger)"#,
        to: r#"after(self.heard_at.max(closed_at), self.config.linger / 1000)"#,
    },
    Mutant {
        name: "waits for a closing peer for ever",
        file: "connection/driver.rs",
        from: r#"        ready!(self.poll_deadline(ending.deadline));
"#,
        to: r#"        ready!(self.poll_deadline(ending.deadline + std::time::Duration::from_secs(3600)));
"#,
    },
    Mutant {
        name: "events while a decision is awaited are lost",
        file: "connection/driver/input.rs",
        from: r#"                let Poll::Ready(done) = self.session.poll_done(cx) else {
                    self.deaf = false;"#,
        to: r#"                let Poll::Ready(done) = self.session.poll_done(cx) else {
                    self.deaf = false;
                    self.take_unread();"#,
    },
    Mutant {
        name: "the CR of CRLF stays",
        file: "framing/lines.rs",
        from: r#"let line = line.strip_suffix(b"\r").unwrap_or(line);"#,
        to: r#"let line = line.strip_suffix(b"\r\r").unwrap_or(line);"#,
    },
    Mutant {
        name: "a line may be too long by one",
        file: "framing/lines.rs",
        from: r#"if line.len() > self.limit {"#,
        to: r#"if line.len() > self.limit + 1 {"#,
    },
    Mutant {
        name: "a split line loses its beginning",
        file: "framing/lines.rs",
        from: r#"            self.partial.extend_from_slice(line);
            self.handed_out = true;"#,
        to: r#"            self.partial = line.to_vec();
            self.handed_out = true;"#,
    },
    Mutant {
        name: "a place is never given back",
        file: "server/admission.rs",
        from: r#"        admitted.in_all -= 1;"#,
        to: r#"        admitted.in_all -= usize::from(admitted.in_all % 3 != 2);"#,
    },
    Mutant {
        name: "nobody is let in any more after many came together",
        file: "server/accept.rs",
        from: r#"                    self.shared.runtime.sleep(delay).await;"#,
        to: r#"                    std::future::pending::<()>().await;"#,
    },
    Mutant {
        name: "sessions are not told of a shutdown",
        file: "server/mod.rs",
        from: r#"            session.order_quietly(closing, &mut wakes);"#,
        to: r#"            let _ = (session, closing, &mut wakes);"#,
    },
    Mutant {
        name: "a shutdown forgets one session",
        file: "server/mod.rs",
        from: r#"        for session in &sessions {
            let closing"#,
        to: r#"        for session in sessions.iter().skip(1) {
            let closing"#,
    },
    Mutant {
        name: "a hook that never answers is waited for",
        file: "session/pending.rs",
        from: r#"let late = self.time_limit.as_mut().poll(cx);"#,
        to: r#"let late = self.time_limit.as_mut().poll(cx).map(|()| self.verdict.as_mut().poll(cx).is_pending());
                let late = if late.is_ready() { Poll::Pending::<()> } else { Poll::Pending };"#,
    },
    Mutant {
        name: "the history is one too short",
        file: "store/memory.rs",
        from: r#"        self.messages.push_back(message);
"#,
        to: r#"        self.messages.push_back(message);
        if self.messages.len() > 5 {
            self.messages.pop_front();
        }
"#,
    },
    Mutant {
        name: "a task that is cancelled is not woken",
        file: "runtime/task.rs",
        from: r#"        self.ordered.store(true, Ordering::SeqCst);
        self.runner.wake();"#,
        to: r#"        self.ordered.store(true, Ordering::SeqCst);"#,
    },
    Mutant {
        name: "nobody in a group that is cancelled is woken",
        file: "runtime/group.rs",
        from: r#"        wakers.into_iter().for_each(Waker::wake);"#,
        to: r#"        drop(wakers);"#,
    },
    Mutant {
        name: "a group that is cancelled goes on",
        file: "runtime/group.rs",
        from: r#"        shared.cancelled.store(true, Ordering::SeqCst);"#,
        to: r#""#,
    },
    Mutant {
        name: "a join is never told",
        file: "runtime/group.rs",
        from: r#"            self.shared.emptied.notify(usize::MAX);"#,
        to: r#"            self.shared.emptied.notify(0);"#,
    },
    Mutant {
        name: "a token is good after a quit",
        file: "hub/presence.rs",
        from: r#"            self.hub.forget_token(&token);"#,
        to: r#"            let _ = token;"#,
    },
    Mutant {
        name: "nobody is superseded",
        file: "hub/resume.rs",
        from: r#"            serving.close(CloseReason::Superseded.into(), &mut wakes);"#,
        to: r#"            let _ = serving;"#,
    },
    Mutant {
        name: "a session that was taken up is not listed",
        file: "hub/resume.rs",
        from: r#"tokens.replace(token, Some(served));"#,
        to: r#"tokens.replace(token, Some(served).filter(|_| false));"#,
    },
    Mutant {
        name: "the nick stays with the old connection",
        file: "hub/presence.rs",
        from: r#"            self.hub.move_nick(nick, self.id, outbox);"#,
        to: r#"            let _ = nick;"#,
    },
    Mutant {
        name: "a room stays with the old connection",
        file: "hub/room.rs",
        from: r#"        member.outbox = Arc::clone(outbox);"#,
        to: r#"        if last % 2 == 0 {
            member.outbox = Arc::clone(outbox);
        }"#,
    },
    Mutant {
        name: "resuming replays one too many",
        file: "hub/room.rs",
        from: r#"let unseen = HistoryRange::After(seen);"#,
        to: r#"let unseen = HistoryRange::After(seen.saturating_sub(1));"#,
    },
    Mutant {
        name: "resuming replays one too few",
        file: "hub/room.rs",
        from: r#"let unseen = HistoryRange::After(seen);"#,
        to: r#"let unseen = HistoryRange::After(seen + 1);"#,
    },
    Mutant {
        name: "the gap of a resumed session is off by one",
        file: "hub/room.rs",
        from: r#"messages: Some((seen + 1, first - 1)),"#,
        to: r#"messages: Some((seen, first - 1)),"#,
    },
    Mutant {
        name: "a gap of one is not told to a resumed session",
        file: "hub/room.rs",
        from: r#"if first > seen + 1 {"#,
        to: r#"if first > seen + 2 {"#,
    },
    Mutant {
        name: "what was said is not remembered",
        file: "store/said.rs",
        from: r#"        if room.numbers.insert(id.clone(), number).is_none() {"#,
        to: r#"        let _ = number;
        if !room.numbers.contains_key(&id) {"#,
    },
    Mutant {
        name: "a name counts in all rooms",
        file: "store/said.rs",
        from: r#"        self.rooms.get(room)?.numbers.get(id).copied()"#,
        to: r#"        let _ = room;
        self.rooms.values().find_map(|room| room.numbers.get(id).copied())"#,
    },
    Mutant {
        name: "settling forgets one too many",
        file: "store/said.rs",
        from: r#"            self.len -= 1;
        }
        if said"#,
        to: r#"            self.len -= 1;
        }
        if said.forget_oldest().is_some() {
            self.len -= 1;
        }
        if said"#,
    },
    Mutant {
        name: "a join that is asked again is announced again",
        file: "protocol/json/mod.rs",
        from: r#"        Err(HubError::AlreadyIn(_)) if matches!(purpose, Purpose::Join(_)) => Done::Joined,"#,
        to: r#"        Err(HubError::AlreadyIn(room)) if matches!(purpose, Purpose::Join(_)) => {
            let _ = session.leave(&room);
            let _ = session.join(&room);
            Done::Joined
        }"#,
    },
    Mutant {
        name: "a duplicate gets the next number",
        file: "session/mod.rs",
        from: r#"                number,
                duplicate: true,"#,
        to: r#"                number: number + 1,
                duplicate: true,"#,
    },
    Mutant {
        name: "an answer to a name is lost",
        file: "protocol/json/mod.rs",
        from: r#"    session.reply(response::ok(id, ok));"#,
        to: r#"    if !matches!(id, Id::Text(_)) {
        session.reply(response::ok(id, ok));
    }"#,
    },
    Mutant {
        name: "a refusal is told twice",
        file: "protocol/json/mod.rs",
        from: r#"    session.reply(response::error(id, &error));"#,
        to: r#"    session.reply(response::error(id, &error));
    session.reply(response::error(id, &error));"#,
    },
    Mutant {
        name: "a notice in JSON is off by one",
        file: "protocol/json/response.rs",
        from: r#"last: missed.messages.map(|(_, last)| last),"#,
        to: r#"last: missed.messages.map(|(_, last)| last + 1),"#,
    },
    Mutant {
        name: "a session is given up too early",
        file: "hub/mod.rs",
        from: r#"sleep(self.shared.config.resume_grace);"#,
        to: r#"sleep(self.shared.config.resume_grace / 2);"#,
    },
    Mutant {
        name: "a session is never given up",
        file: "hub/mod.rs",
        from: r#"                shared.resumables.expire(&token, parking);"#,
        to: r#"                let _ = (shared, token, parking);"#,
    },
    Mutant {
        name: "whoever was told to go may come back",
        file: "session/mod.rs",
        from: r#"Some(reason) => reason.lets_come_back(),"#,
        to: r#"Some(_) => true,"#,
    },
    Mutant {
        name: "one more session is kept than may be",
        file: "hub/resume.rs",
        from: r#"if tokens.parked >= limit ||"#,
        to: r#"if tokens.parked > limit ||"#,
    },
    Mutant {
        name: "private messages that waited are lost",
        file: "hub/presence.rs",
        from: r#"        outbox.restore_direct(old.take_direct(), &mut wakes);"#,
        to: r#"        drop(old.take_direct());"#,
    },
    Mutant {
        name: "a session that is kept goes on hearing",
        file: "hub/mod.rs",
        from: r#"        presence
            .outbox()
            .seal(CloseReason::PeerClosed.into(), Box::default());
"#,
        to: "",
    },
    Mutant {
        name: "history before a number includes it",
        file: "store/memory.rs",
        from: r#"HistoryRange::Before(number) => (0, self.messages.partition_point(numbered(number))),"#,
        to: r#"HistoryRange::Before(number) => (0, self.messages.partition_point(numbered(number + 1))),"#,
    },
    Mutant {
        name: "a quit is told once for each room",
        file: "hub/presence.rs",
        from: r#"        let mut told = Told::across(self.seats.len());
        let mut announced = None;
        for seat in std::mem::take"#,
        to: r#"        let mut told = Told::across(1);
        let mut announced = None;
        for seat in std::mem::take"#,
    },
    Mutant {
        name: "a session is in one room too many",
        file: "hub/presence.rs",
        from: r#"self.seats.len() >= limit"#,
        to: r#"self.seats.len() > limit"#,
    },
    Mutant {
        name: "connections of an address are not counted",
        file: "server/admission.rs",
        from: r#"        pace.count(limit, now);"#,
        to: r#"        let _ = pace;"#,
    },
    Mutant {
        name: "a topic is not kept",
        file: "hub/room.rs",
        from: r#"        self.topic = is_set.then(|| Arc::clone(&event));"#,
        to: r#"        let _ = is_set;"#,
    },
    Mutant {
        name: "whoever waits for a session is not woken",
        file: "hub/resume.rs",
        from: r#"        self.changed.notify(usize::MAX);
        Some(parking)"#,
        to: r#"        self.changed.notify(0);
        Some(parking)"#,
    },
    Mutant {
        name: "strangers may stay",
        file: "connection/driver/watch.rs",
        from: r#"        } else if let Some(patience) = config.registration_timeout
"#,
        to: r#"        } else if let Some(patience) = config.registration_timeout.map(|limit| limit * 1_000)
"#,
    },
    Mutant {
        name: "nobody is pinged",
        file: "protocol/json/mod.rs",
        from: r#"        response::ping(out);"#,
        to: r#"        let _ = out;"#,
    },
    Mutant {
        name: "a kick gives no seat back",
        file: "hub/control.rs",
        from: r#"        self.free_seat(&found);
"#,
        to: "",
    },
    Mutant {
        name: "whoever is kicked is not told",
        file: "hub/room.rs",
        from: r#"        state.announce(&event, key, wakes);
        state.members.remove(key).outbox.note_eviction();"#,
        to: r#"        state.members.remove(key).outbox.note_eviction();
        state.announce(&event, key, wakes);"#,
    },
    Mutant {
        name: "a kicked member believes in its seat",
        file: "hub/room.rs",
        from: r#"        state.members.remove(key).outbox.note_eviction();"#,
        to: r#"        state.members.remove(key);"#,
    },
    Mutant {
        name: "that a room was closed makes way",
        file: "hub/room.rs",
        from: r#"            member.outbox.push_own(Arc::clone(&event), wakes);"#,
        to: r#"            member.outbox.push_room(&event, wakes);"#,
    },
    Mutant {
        name: "a closed room is remembered",
        file: "hub/control.rs",
        from: r#"        let removed = self.directory().remove(room);
        let removed = removed.ok_or_else"#,
        to: r#"        let removed = self.directory().room(room).cloned();
        let removed = removed.ok_or_else"#,
    },
    Mutant {
        name: "a removed session may come back",
        file: "hub/control.rs",
        from: r#"if let Some(next) = self.shared.resumables.evict(session) {"#,
        to: r#"if let Some(next) = None::<Arc<super::Outbox>>.filter(|_| session.0 > 0) {"#,
    },
    Mutant {
        name: "a subscription outlives its room",
        file: "hub/room.rs",
        from: r#"            listener.outbox.close(CloseReason::Quit.into(), wakes);
"#,
        to: "",
    },
    Mutant {
        name: "a room with a subscription is forgotten",
        file: "hub/directory.rs",
        from: r#"self.seats > 0 || self.listeners > 0"#,
        to: r#"self.seats > 0"#,
    },
    Mutant {
        name: "a subscription hears messages only",
        file: "hub/room.rs",
        from: r#"        for (_, listener) in &self.listeners {
            push(&listener.outbox, event, wakes);
        }
"#,
        to: "",
    },
    Mutant {
        name: "who comes back believes in a lost seat",
        file: "hub/presence.rs",
        from: r#"                outbox.push_own(event, &mut wakes);
"#,
        to: r#"                drop(event);
"#,
    },
    Mutant {
        name: "what is said during a shutdown is numbered",
        file: "server/mod.rs",
        from: r#"        sessions.iter().for_each(SessionHandle::hush);
"#,
        to: "",
    },
    Mutant {
        name: "whoever is refused last words stays",
        file: "session/mod.rs",
        from: r#"            Err(_) if is_quit => self.perform(Allowed::Quit(None)),
"#,
        to: "",
    },
    Mutant {
        name: "last words are said as they were",
        file: "session/mod.rs",
        from: r#"                .quit(&self.person(), reason)
                .map(Allowed::Quit)"#,
        to: r#"                .quit(&self.person(), reason.clone())
                .map(|_| Allowed::Quit(Some(reason)))"#,
    },
    Mutant {
        name: "a message is said as it was",
        file: "session/mod.rs",
        from: r#"                let decision = policy.message(&self.person(), &room, kind, body);
                decision
                    .map(move |body| "#,
        to: r#"                let decision = policy.message(&self.person(), &room, kind, body.clone());
                decision
                    .map(move |_| "#,
    },
    Mutant {
        name: "a topic is set without asking",
        file: "session/mod.rs",
        from: r#"                let decision = policy.topic(&self.person(), &room, topic);
                decision.map(|topic| Allowed::SetTopic(room, topic)).into()"#,
        to: r#"                let _ = policy.topic(&self.person(), &room, topic.clone());
                Asked::Now(Ok(Allowed::SetTopic(room, topic)))"#,
    },
    Mutant {
        name: "a guest is let in without asking",
        file: "session/mod.rs",
        from: r#"            Action::TakeGuestNick => policy
                .guest(&self.person())
                .map(|()| Allowed::TakeGuestNick)
                .into(),"#,
        to: r#"            Action::TakeGuestNick => {
                let _ = policy.guest(&self.person());
                Asked::Now(Ok(Allowed::TakeGuestNick))
            }"#,
    },
    Mutant {
        name: "what happens is observed twice",
        file: "hub/mod.rs",
        from: r#"AssertUnwindSafe(|| policy.observe(event.event()))"#,
        to: r#"AssertUnwindSafe(|| {
            policy.observe(event.event());
            policy.observe(event.event());
        })"#,
    },
    Mutant {
        name: "a panic at what is observed goes on",
        file: "hub/mod.rs",
        from: r#"        let observed = catch_unwind(AssertUnwindSafe(|| policy.observe(event.event())));"#,
        to: r#"        policy.observe(event.event());
        let observed = catch_unwind(|| ());"#,
    },
    Mutant {
        name: "a person enters again with every nick",
        file: "protocol/text/mod.rs",
        from: r#"                self.has_entered = true;
"#,
        to: "",
    },
    Mutant {
        name: "a slow policy takes the time of strangers",
        file: "connection/driver.rs",
        from: r#"        self.listen_anew();
        self.opened_at = self.heard_at;
"#,
        to: "",
    },
    Mutant {
        name: "strangers are closed while the policy thinks",
        file: "connection/driver/watch.rs",
        from: r#"            && delays.waiting_since.is_none()
        {
            // Whoever"#,
        to: r#"        {
            // Whoever"#,
    },
    Mutant {
        name: "a stream that takes nothing is not looked at",
        file: "connection/driver/watch.rs",
        from: r#"self.knows_due && self.delays.is_none() && !self.outbox.stir().may_have_rung()"#,
        to: r#"self.knows_due && !self.outbox.stir().may_have_rung()"#,
    },
    Mutant {
        name: "what is due last is waited for first",
        file: "connection/driver/watch.rs",
        from: r#"            if next.as_ref().is_none_or(|(earliest, _)| at < *earliest) {"#,
        to: r#"            if next.as_ref().is_none_or(|(earliest, _)| at > *earliest) {"#,
    },
    Mutant {
        name: "a ping comes when it is too late to answer",
        file: "connection/driver/watch.rs",
        from: r#"                    consider(self.heard_at, patience / 2, Due::Ping);"#,
        to: r#"                    consider(self.heard_at, patience / 20 * 19, Due::Ping);"#,
    },
    Mutant {
        name: "strangers are heard again after each decision",
        file: "connection/driver/input.rs",
        from: r#"            if self.may_hear() && self.is_overdue() {"#,
        to: r#"            if self.ended && self.is_overdue() {"#,
    },
    Mutant {
        name: "who comes and goes is told of late",
        file: "hub/mod.rs",
        from: r#"            let delay = shared.runtime.sleep(delay);"#,
        to: r#"            let delay = shared.runtime.sleep(delay * 10);"#,
    },
    Mutant {
        name: "an outbox holds more than its share of memory",
        file: "hub/outbox.rs",
        from: r#"load.footprint() <= share"#,
        to: r#"share > 0"#,
    },
    Mutant {
        name: "an outbox has no floor",
        file: "hub/outbox.rs",
        from: r#"            share.max(Memory::FLOOR)
        } else {"#,
        to: r#"            share.min(Memory::FLOOR)
        } else {"#,
    },
    Mutant {
        name: "whoever is to be closed for slowness takes whatever memory there is",
        file: "hub/outbox.rs",
        from: r#"            if self.bounds.limits.slow_consumer == SlowConsumer::Disconnect {
                state.close(CloseReason::SlowConsumer.into(), wakes);
                return false;
            }
            wakes.dropped += 1;"#,
        to: r#"            if self.bounds.limits.slow_consumer == SlowConsumer::Disconnect {
                if state.fits(&self.bounds.limits, weight, usize::MAX) {
                    break;
                }
                state.close(CloseReason::SlowConsumer.into(), wakes);
                return false;
            }
            wakes.dropped += 1;"#,
    },
    Mutant {
        name: "whoever holds a quarter of its share is closed for slowness",
        file: "hub/outbox.rs",
        from: r#"        let mut made_way = false;
"#,
        to: r#"        let share = match self.bounds.limits.slow_consumer {
            SlowConsumer::Disconnect => share / 4,
            SlowConsumer::DropOldest => share,
        };
        let mut made_way = false;
"#,
    },
    Mutant {
        name: "whoever is closed for its share of memory does not get the last that it held",
        file: "hub/outbox.rs",
        from: r#"            if self.bounds.limits.slow_consumer == SlowConsumer::Disconnect {
                state.close(CloseReason::SlowConsumer.into(), wakes);
                return false;
            }
            wakes.dropped += 1;"#,
        to: r#"            if self.bounds.limits.slow_consumer == SlowConsumer::Disconnect {
                if state.fits(&self.bounds.limits, weight, usize::MAX) {
                    let last = state.queue.len() - 1;
                    state.queue.take_room_event(last);
                }
                state.close(CloseReason::SlowConsumer.into(), wakes);
                return false;
            }
            wakes.dropped += 1;"#,
    },
    Mutant {
        name: "the memory of what is gone stays counted",
        file: "event/mod.rs",
        from: r#"        self.memory.release(self.footprint());"#,
        to: r#"        self.memory.release(self.footprint() - 1);"#,
    },
    Mutant {
        name: "the memory of an outbox stays counted",
        file: "hub/outbox.rs",
        from: r#"        self.bounds.memory.release(charged);"#,
        to: r#"        self.bounds.memory.release(charged / 2);"#,
    },
    Mutant {
        name: "a room remembers more than its share of memory",
        file: "hub/room.rs",
        from: r#"        self.memory.shrink_to(event.share());
"#,
        to: "",
    },
    Mutant {
        name: "names take whatever memory there is",
        file: "hub/presence.rs",
        from: r#"        if said.footprint(1) > share {
            said.forget_old"#,
        to: r#"        if said.footprint(1) > share && share == 0 {
            said.forget_old"#,
    },
    Mutant {
        name: "a topic takes whatever memory there is",
        file: "hub/presence.rs",
        from: r#"        if takes > self.hub.memory().share() {"#,
        to: r#"        if takes > self.hub.memory().session_share() {"#,
    },
    Mutant {
        name: "a client says what had no answer again under a new name",
        file: "client/conversation.rs",
        from: r#"                Verdict::Send => {
                    self.unsent.push_back(number);"#,
        to: r#"                Verdict::Send => {
                    let mut pending = pending;
                    if let Request::Say { sequence, .. } = &mut pending.request {
                        self.last_said += 1;
                        *sequence = self.last_said;
                    }
                    self.unsent.push_back(number);"#,
    },
    Mutant {
        name: "a client does not send again what had no answer",
        file: "client/conversation.rs",
        from: r#"                Verdict::Send => {
                    self.unsent.push_back(number);"#,
        to: r#"                Verdict::Send => {"#,
    },
    Mutant {
        name: "a client says in a new session what it has said in the old one",
        file: "client/conversation.rs",
        from: r#"                (_, Request::Say { .. }, Fate::Lost) => Verdict::Unknown,
"#,
        to: "",
    },
    Mutant {
        name: "a client has seen one message more than it has",
        file: "client/conversation.rs",
        from: r#"Some((room, seat.seen?))"#,
        to: r#"Some((room, seat.seen? + 1))"#,
    },
    Mutant {
        name: "a client drops events without a word",
        file: "client/queue.rs",
        from: r#"            self.lagged.add(&dropped);
"#,
        to: r#"            drop(dropped);
"#,
    },
    Mutant {
        name: "a client connects again at once",
        file: "client/driver.rs",
        from: r#"shared.runtime.sleep(delay)"#,
        to: r#"shared.runtime.sleep(delay / 2)"#,
    },
    Mutant {
        name: "a client without a connection does not see that its time to close is over",
        file: "client/driver.rs",
        from: r#"            if alarm.poll(cx, deadline).is_ready() {
                return Poll::Ready(None);
            }
"#,
        to: r#"            let _ = alarm.poll(cx, deadline);
"#,
    },
    Mutant {
        name: "a client is in a room that it was taken out of",
        file: "client/conversation.rs",
        from: r#"                        if Some(nick) == self.nick.as_ref() =>
                    {
                        self.rooms.remove(room);
                    }"#,
        to: r#"                        if Some(nick) == self.nick.as_ref() =>
                    {
                        let _ = room;
                    }"#,
    },
    Mutant {
        name: "a client is in a room that was closed",
        file: "client/conversation.rs",
        from: r#"                    Event::RoomClosed { room, .. } => {
                        self.rooms.remove(room);
                    }
"#,
        to: "",
    },
    Mutant {
        name: "a client does not tell that it is in a room again",
        file: "client/conversation.rs",
        from: r#"                events.push(Event::Rejoined(joined), due);
"#,
        to: "",
    },
    Mutant {
        name: "a client tells twice that it is in a room again",
        file: "client/conversation.rs",
        from: r#"                events.push(Event::Rejoined(joined), due);
"#,
        to: r#"                events.push(Event::Rejoined(joined.clone()), due);
                events.push(Event::Rejoined(joined), due);
"#,
    },
    Mutant {
        name: "a client forgets where it was when its session is lost",
        file: "client/conversation.rs",
        from: r#"        self.settle(&Fate::Lost, due);
        self.settled.clear();"#,
        to: r#"        self.settle(&Fate::Lost, due);
        self.rooms.clear();
        self.settled.clear();"#,
    },
    Mutant {
        name: "a client gives a silent server up at once",
        file: "client/link.rs",
        from: r#"            Some(pinged) => (after(pinged, self.ping_timeout), false),"#,
        to: r#"            Some(pinged) => (after(pinged, self.ping_timeout / 2), false),"#,
    },
    Mutant {
        name: "a client waits for a silent server twice as long",
        file: "client/link.rs",
        from: r#"            Some(pinged) => (after(pinged, self.ping_timeout), false),"#,
        to: r#"            Some(pinged) => (after(pinged, self.ping_timeout * 2), false),"#,
    },
    Mutant {
        name: "a client asks a silent server again and again",
        file: "client/link.rs",
        from: r#"            Some(pinged) => (after(pinged, self.ping_timeout), false),"#,
        to: r#"            Some(pinged) => (after(pinged, self.ping_timeout), true),"#,
    },
    Mutant {
        name: "a client gives a server up that it has not asked",
        file: "client/link.rs",
        from: r#"            self.shared.with(|state| state.conversation.ping());
"#,
        to: "",
    },
    Mutant {
        name: "a client is not patient with a server that answers",
        file: "client/link.rs",
        from: r#"                self.heard_at = self.runtime.now();
                self.pinged_at = None;
"#,
        to: r#"                self.heard_at = self.runtime.now();
"#,
    },
    Mutant {
        name: "a client waits for ever for a welcome",
        file: "client/link.rs",
        from: r#"            return (self.welcome_deadline, false);"#,
        to: r#"            return (after(self.welcome_deadline, self.ping_after), false);"#,
    },
    Mutant {
        name: "a message that was taken back stays open",
        file: "client/conversation.rs",
        from: r#"            if let Some(pending) = self.requests.remove(&number) {
                self.close_say(&pending.request, false);
            }
"#,
        to: r#"            self.requests.remove(&number);
"#,
    },
    Mutant {
        name: "a client never tells what it has an answer to",
        file: "client/conversation.rs",
        from: r#"                    settled: self.settled.take(room).map(name),"#,
        to: r#"                    settled: self.settled.take(room).map(name).filter(|_| false),"#,
    },
    Mutant {
        name: "whoever was greeted is a person for good",
        file: "protocol/detect.rs",
        from: r#"                self.spoken = Spoken::Open;"#,
        to: r#"                self.spoken = Spoken::Text;"#,
    },
    Mutant {
        name: "a program that was taken for a person stays as one",
        file: "protocol/detect.rs",
        from: r#"                session.quit(None);
"#,
        to: "",
    },
    Mutant {
        name: "a line that begins with { makes a person a program",
        file: "protocol/detect.rs",
        from: r#"            Frame::Line(line) if JsonProtocol::is_request(line) => {"#,
        to: r#"            Frame::Line(line) if line.first() == Some(&b'{') => {"#,
    },
    Mutant {
        name: "who has spoken is greeted all the same",
        file: "connection/driver/watch.rs",
        from: r#"        if !self.introduced
            && !self.greeted
"#,
        to: r#"        if !self.greeted
"#,
    },
];
