//! What a handler may touch: the clock, the event queue, the shared state, random streams and the
//! recorder, borrowed for one event.

use crate::base::time::{SimDuration, SimTime};
use crate::engine::EventQueue;
use crate::event::{ApiEvent, Event};
use crate::model::Model;
use crate::record::{Fact, Involved, KubeEvent, Recorder};
use crate::rng::{StreamKind, Streams};
use crate::state::{Client, Request, State};

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

    /// Sends a write to the API server: it waits for the client's rate limit, takes the API
    /// latency and is then applied. The answer, if the request has one, comes as an event. Returns
    /// when it is applied.
    pub fn request(&mut self, client: Client, request: Request) -> SimTime {
        let number = self.state.clients.requests;
        let leaves = self.state.clients.take(client, self.now);
        let latency = self
            .model
            .control_plane
            .api_latency_s
            .sample_duration(&mut self.streams.stream(StreamKind::ApiLatency, number));
        let slot = self.state.requests.insert(request);
        let applied = leaves.saturating_add(latency);
        self.at(applied, Event::Api(ApiEvent::Commit { slot }));
        applied
    }
}
