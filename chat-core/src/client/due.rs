use std::task::Waker;

use futures::channel::oneshot;

use super::answer::Reply;
use super::error::ClientError;

/// What is to be told to others, once no lock is held.
#[derive(Debug, Default)]
pub(super) struct Due {
    replies: Vec<(ReplySender, Result<Reply, ClientError>)>,
    wakers: Vec<Waker>,
    /// How many more requests there is room for.
    pub(super) freed: usize,
}

pub(super) type ReplySender = oneshot::Sender<Result<Reply, ClientError>>;

impl Due {
    pub(super) fn reply(&mut self, sender: ReplySender, reply: Result<Reply, ClientError>) {
        self.freed += 1;
        self.replies.push((sender, reply));
    }

    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        self.wakers.extend(waker);
    }

    pub(super) fn tell(self) {
        for (sender, reply) in self.replies {
            // Nobody may be left who wants to know.
            let _ = sender.send(reply);
        }
        self.wakers.into_iter().for_each(Waker::wake);
    }
}
