//! Many requests of every kind: nothing grows.

use authgear_scenarios::nginx::resident;

use crate::mix::{plan, Mix};

#[test]
fn twenty_thousand_requests_leave_memory_as_it_was() {
    plan().play(|scene| {
        scene.await_keys();
        let mix = Mix::new(scene);
        mix.run(scene, 4, 80);
        let worker = scene.nginx.workers()[0];
        let before = resident(worker);
        mix.run(scene, 4, 240);
        let grown = resident(worker).saturating_sub(before);
        assert!(grown < 500, "the worker grew from {before} kB by {grown} kB");
    });
}
