//! ControllerRevisions: the templates that a StatefulSet or a DaemonSet has had.
//!
//! Templates that are equal are one revision. It knows nothing of pods but which templates theirs
//! are.

use crate::model::TemplateId;

/// One ControllerRevision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its template.
    pub template: TemplateId,
    /// `revision`: the newest one has the greatest number.
    pub number: i64,
}

/// The ControllerRevisions of one object, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revisions(Vec<Revision>);

impl Revisions {
    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Revision] {
        &self.0
    }

    /// Whether there is a revision of this template.
    #[must_use]
    pub fn has(&self, template: TemplateId) -> bool {
        self.0.iter().any(|revision| revision.template == template)
    }

    /// Makes the revision of `template` the newest one: a new one, or an earlier one with a new
    /// number. Says whether anything changed.
    pub fn update_to(&mut self, template: TemplateId) -> bool {
        let newest = self.0.last().copied();
        if newest.is_some_and(|newest| newest.template == template) {
            return false;
        }
        self.0.retain(|revision| revision.template != template);
        let number = newest.map_or(1, |newest| newest.number + 1);
        self.0.push(Revision { template, number });
        true
    }

    /// Forgets the oldest revisions that nothing uses, as far as there are more than `limit` of
    /// them, and gives what is forgotten. `live` are the current revision, the update revision and
    /// those of the pods: the rule of StatefulSets (kubernetes-behaviour §3.3).
    pub fn truncate_unused(
        &mut self,
        limit: usize,
        live: impl Fn(TemplateId) -> bool,
    ) -> Vec<Revision> {
        let unused = self.0.iter().filter(|revision| !live(revision.template)).count();
        self.forget(unused.saturating_sub(limit), live)
    }

    /// Forgets the oldest revisions that nothing uses until `limit` are left besides the newest,
    /// used ones included, and gives what is forgotten: the rule of DaemonSets
    /// (kubernetes-behaviour §3.4).
    pub fn truncate_old(
        &mut self,
        limit: usize,
        live: impl Fn(TemplateId) -> bool,
    ) -> Vec<Revision> {
        let newest = self.0.last().map(|newest| newest.template);
        let surplus = self.0.len().saturating_sub(1).saturating_sub(limit);
        self.forget(surplus, |template| newest == Some(template) || live(template))
    }

    fn forget(&mut self, surplus: usize, live: impl Fn(TemplateId) -> bool) -> Vec<Revision> {
        let unused = self.0.iter().filter(|revision| !live(revision.template));
        let forgotten: Vec<Revision> = unused.take(surplus).copied().collect();
        self.0.retain(|revision| !forgotten.contains(revision));
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(at: usize) -> TemplateId {
        TemplateId::from_index(at)
    }

    fn numbers(revisions: &[Revision]) -> Vec<(usize, i64)> {
        revisions.iter().map(|r| (r.template.index(), r.number)).collect()
    }

    fn of(templates: &[usize]) -> Revisions {
        let mut revisions = Revisions::default();
        for &at in templates {
            revisions.update_to(template(at));
        }
        revisions
    }

    #[test]
    fn an_equal_template_is_the_same_revision_with_a_new_number() {
        let mut revisions = of(&[0, 1, 2]);
        assert!(!revisions.update_to(template(2)));
        assert_eq!(numbers(revisions.all()), [(0, 1), (1, 2), (2, 3)]);
        assert!(revisions.update_to(template(0)));
        assert_eq!(numbers(revisions.all()), [(1, 2), (2, 3), (0, 4)]);
        assert!(revisions.has(template(1)) && !revisions.has(template(3)));
    }

    #[test]
    fn a_stateful_set_keeps_as_many_unused_revisions_as_the_limit_says() {
        let live = |at: TemplateId| [1, 4].contains(&at.index());
        for (limit, forgotten) in [(0, &[(0, 1), (2, 3), (3, 4)][..]), (2, &[(0, 1)]), (3, &[])] {
            let mut revisions = of(&[0, 1, 2, 3, 4]);
            assert_eq!(numbers(&revisions.truncate_unused(limit, live)), forgotten, "{limit}");
            assert_eq!(revisions.all().len(), 5 - forgotten.len());
        }
    }

    #[test]
    fn a_daemon_set_counts_used_revisions_against_the_limit() {
        let live = |at: TemplateId| [1].contains(&at.index());
        for (limit, forgotten) in
            [(0, &[(0, 1), (2, 3), (3, 4)][..]), (2, &[(0, 1), (2, 3)]), (4, &[])]
        {
            let mut revisions = of(&[0, 1, 2, 3, 4]);
            assert_eq!(numbers(&revisions.truncate_old(limit, live)), forgotten, "{limit}");
        }
    }
}
