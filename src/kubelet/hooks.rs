//! postStart hooks: the pod worker waits for them, and a container whose hook fails is killed.

use super::pod::Work;
use super::worker::Worker;
use crate::event::{Event, KubeletEvent};
use crate::model::Hook;
use crate::record::ExitCause;
use crate::rng::StreamKind;

impl Worker<'_, '_> {
    /// Runs the postStart hook of a container that has just been started, if it has one.
    pub(super) fn begins_hook(&mut self, index: u8) -> bool {
        let Hook::Takes(length) = self.spec(index).post_start else { return false };
        self.pod.work = Work::Hook(index);
        let (pod, epoch) = (self.pod.id, self.container(index).epoch);
        let event = KubeletEvent::HookDone { pod, container: index, epoch };
        self.cx.after(length, Event::Kubelet(event));
        true
    }

    /// A hook has run to its end.
    pub(super) fn hook_done(&mut self, index: u8) {
        if self.pod.work != Work::Hook(index) {
            return;
        }
        self.pod.work = Work::Idle;
        let count = self.container(index).instances;
        let mut luck = self.address(index).stream(self.cx.streams, StreamKind::PostStart, count);
        if luck.chance(self.spec(index).behaviour.post_start_fails) {
            self.hook_failed(index);
        }
        self.start_is_over(index);
    }

    fn hook_failed(&mut self, index: u8) {
        self.event((true, "FailedPostStartHook"), || "PostStartHook failed".to_owned());
        if self.container(index).stopping.is_none() {
            self.event((false, "Killing"), || "FailedPostStartHook".to_owned());
            self.mark_stopping(index, ExitCause::PostStartHook);
            self.stop(index, self.template().termination_grace);
        }
    }

    /// The process is gone that a hook belongs to: the hook has failed.
    pub(super) fn hook_is_cut_off(&mut self, index: u8) {
        if self.pod.work == Work::Hook(index) {
            self.pod.work = Work::Idle;
            self.event((true, "FailedPostStartHook"), || "PostStartHook failed".to_owned());
        }
    }
}
