//! What a handler may touch: the clock, the event queue, the shared state, random streams and the
//! recorder, borrowed for one event.

use crate::base::time::{SimDuration, SimTime};
use crate::engine::EventQueue;
use crate::event::{ApiEvent, Event};
use crate::model::Model;
use crate::record::{Fact, Involved, KubeEvent, Recorder};
use crate::rng::{StreamKind, Streams};
use crate::state::{Client, Request, Sent, State};

/// The world as one event handler sees it.
#[derive(Debug)]
pub struct Cx<'a> {
    /// Now.
    pub now: SimTime,
    /// The immutable input.
    pub model: &'a Model,
    /// The future.
    pub queue: &'a mut EventQueue<Event>,
    /// The shared state.
    pub state: &'a mut State,
    /// Randomness by address.
    pub streams: &'a Streams,
    /// Facts go here.
    pub record: &'a mut Recorder,
}

impl Cx<'_> {
    /// Schedules an event at an instant, now at the earliest.
    pub fn at(&mut self, time: SimTime, event: Event) {
        debug_assert!(time >= self.now, "{event:?} scheduled in the past");
        self.queue.push(time, event.phase() as u8, event);
    }

    /// Schedules an event after a while.
    pub fn after(&mut self, wait: SimDuration, event: Event) {
        self.at(self.now.saturating_add(wait), event);
    }

    /// States a fact.
    pub fn fact(&mut self, fact: Fact) {
        self.record.fact(self.now, fact);
    }

    /// Keeps a Kubernetes event; the message is built only if events are recorded.
    pub fn kube_event(
        &mut self,
        involved: Involved,
        (warning, reason, component): (bool, &'static str, &'static str),
        message: impl FnOnce(&Model, &State) -> String,
    ) {
        if self.record.wants_events() {
            let message = message(self.model, self.state);
            let time = self.now;
            self.record.event(KubeEvent { time, warning, reason, involved, component, message });
        }
    }

    /// Sends a write to the API server: it waits for the client's rate limit, then for the server
    /// if that has more to do than it can, takes the API latency and is then applied. The answer,
    /// if the request has one, comes as an event. Returns when it is applied, unless the API server
    /// cannot be reached or cannot write by then.
    pub fn request(&mut self, client: Client, request: Request) -> SimTime {
        let leaves = self.state.clients.take(client, self.now);
        let epoch = self.state.truth.epoch_of(client);
        self.send(Sent { client, epoch, request }, leaves)
    }

    /// Lets a request leave that has waited for its client's rate limit.
    pub(crate) fn send(&mut self, sent: Sent, leaves: SimTime) -> SimTime {
        let number = self.state.clients.next_request();
        let plane = &self.model.control_plane;
        let mut stream = self.streams.stream(StreamKind::ApiLatency, number);
        let latency = plane.api_latency_s.quantile(stream.uniform());
        let latency = slowed(latency, self.state.truth.api.request_factor());
        let served = self.state.truth.serve(self.model, leaves, self.now);
        let slot = self.state.requests.insert(sent);
        let applied = served.saturating_add(latency);
        self.at(applied, Event::Api(ApiEvent::Commit { slot }));
        applied
    }
}

/// A latency in seconds, `factor` times as long.
pub(crate) fn slowed(seconds: f64, factor: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds * factor).unwrap_or(SimDuration::MAX)
}
