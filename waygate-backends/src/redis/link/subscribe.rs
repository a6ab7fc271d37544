use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::PubSub;
use tokio::{
    select,
    sync::mpsc,
    time::{interval, timeout},
};

use super::{
    Link, LinkError,
    dial::{listen, patience},
    error::judge,
    shared::LinkState,
};

/// The interval of the heartbeats of the connection.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The number of messages that wait for a slow listener; then the connection waits.
const BUFFER: usize = 256;

impl Link {
    /// Returns the messages of a channel, over a separate connection. When the connection breaks, the stream ends and
    /// messages may be lost; the caller must subscribe again. Fails immediately while Redis is unreachable.
    pub(crate) async fn subscribe(
        &self,
        channel: &str,
    ) -> Result<mpsc::Receiver<Vec<u8>>, LinkError> {
        self.keep();
        let shared = &self.inner.shared;
        shared.first_attempt(shared.options.connect_timeout).await;
        if matches!(
            *shared.state.borrow(),
            LinkState::Down(_) | LinkState::Connecting
        ) {
            return Err(shared.absent());
        }
        let listening = listen(&shared.options, channel);
        let listener = match timeout(patience(&shared.options), listening).await {
            Ok(Ok(listener)) => listener,
            Ok(Err(error)) => return Err(judge(&error).1),
            Err(_) => {
                let text = "subscribing to a channel of Redis takes too long";
                return Err(LinkError::Unavailable(text.into()));
            }
        };
        let (sender, receiver) = mpsc::channel(BUFFER);
        tokio::spawn(forward(listener, sender, shared.options.connect_timeout));
        Ok(receiver)
    }
}

/// Forwards messages until the connection breaks or does not respond in time, or the receiver is dropped.
async fn forward(listener: PubSub, sender: mpsc::Sender<Vec<u8>>, patience: Duration) {
    let (mut commands, mut messages) = listener.split();
    let mut heartbeat = interval(HEARTBEAT);
    loop {
        select! {
            () = sender.closed() => return,
            message = messages.next() => {
                let Some(message) = message else { return };
                if sender.send(message.get_payload_bytes().to_vec()).await.is_err() {
                    return;
                }
            }
            _ = heartbeat.tick() => {
                let ping = timeout(patience, commands.ping::<redis::Value>()).await;
                if !matches!(ping, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}
