//! The participants of a load on one server: joining, leaving, and how many there are.

use super::shape::Shape;
use crate::host::place::{GENERATOR_ADDRESS, Place};
use crate::load::{Joining, Load, LoadConfig, MediaModel, Snapshot};
use crate::signal::{Association, Person, Signaling, Wanted};
use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;
use volley::io::IoChoice;

/// Joins under way at a time: enough to keep a server busy, too few to make it refuse.
const JOINS_AT_ONCE: usize = 32;
/// Somebody who is refused tries again, as a person would: a server may be busy with the others.
const ATTEMPTS: u32 = 4;
/// After so long.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// How long transports may take to connect once all were asked to.
const CONNECT_TIME: Duration = Duration::from_secs(15);
/// How often one looks whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Everybody who is in a call on one server.
pub(crate) struct Crowd {
    shape: Shape,
    signaling: Arc<dyn Signaling>,
    load: Arc<Load>,
    joined: u32,
}

impl Crowd {
    /// Nobody yet, and room for `most`.
    ///
    /// # Errors
    /// When the generator cannot start.
    pub(crate) fn new(
        place: &Place,
        shape: Shape,
        signaling: Arc<dyn Signaling>,
        most: u32,
    ) -> anyhow::Result<Crowd> {
        let config = LoadConfig {
            core: Some(place.generator_core),
            addresses: vec![GENERATOR_ADDRESS.into()],
            transports: shape.transports(most),
            media: shape.media,
            io: IoChoice::Auto,
            seed: 1,
        };
        Crowd::over(config, shape, signaling)
    }

    /// Nobody yet, over a load with these settings.
    ///
    /// # Errors
    /// When the generator cannot start.
    pub(crate) fn over(
        config: LoadConfig,
        shape: Shape,
        signaling: Arc<dyn Signaling>,
    ) -> anyhow::Result<Crowd> {
        let load = Load::new(config)?;
        let load = Arc::new(load);
        if let Some(later) = signaling.later() {
            tokio::spawn(pass_on(later, Arc::downgrade(&load)));
        }
        if let Some(wanted) = signaling.wanted() {
            tokio::spawn(obey(wanted, Arc::downgrade(&load)));
        }
        Ok(Crowd { shape, signaling, load, joined: 0 })
    }

    /// The load itself.
    pub(crate) fn load(&self) -> &Load {
        &self.load
    }

    /// Somebody needs no more than so many lines of each picture from now on.
    ///
    /// # Errors
    /// When the server is not told such things, or they are not there.
    pub(crate) fn need(&self, person: Person, lines: u16) -> anyhow::Result<()> {
        self.signaling.need(person, lines)
    }

    /// How many have joined.
    pub(crate) fn joined(&self) -> u32 {
        self.joined
    }

    /// Lets people join or leave until there are `target`, and waits until all are connected.
    ///
    /// # Errors
    /// When somebody is refused again and again, or does not connect in time.
    pub(crate) async fn become_many(&mut self, target: u32) -> anyhow::Result<()> {
        if target < self.joined {
            return self.shrink(target).await;
        }
        let mut outside: Vec<Person> = self.shape.people(self.joined, target).collect();
        // Counted before: whoever did join when another was refused must leave, too.
        self.joined = target;
        for attempt in 1.. {
            let (refused, why) = self.join_all(&outside).await;
            let Some(why) = why else { break };
            if attempt == ATTEMPTS {
                return Err(why);
            }
            outside = refused;
            sleep(TRY_AGAIN).await;
        }
        self.connected().await.map(drop)
    }

    /// Who was refused, and the first reason.
    async fn join_all(&self, people: &[Person]) -> (Vec<Person>, Option<anyhow::Error>) {
        let joins: Vec<_> = people
            .iter()
            .map(|&person| {
                let join = self.join(person);
                async move { join.await.map_err(|error| (person, error)) }
            })
            .collect();
        let mut outcomes = stream::iter(joins).buffer_unordered(JOINS_AT_ONCE);
        let (mut refused, mut why) = (Vec::new(), None);
        while let Some(outcome) = outcomes.next().await {
            if let Err((person, error)) = outcome {
                refused.push(person);
                why = why.or(Some(error));
            }
        }
        (refused, why)
    }

    /// One person joins; times count from now.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) fn join(&self, person: Person) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
        self.join_as(person, None)
    }

    /// The same for somebody who publishes otherwise than the shape says.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) fn join_as(
        &self,
        person: Person,
        media: Option<MediaModel>,
    ) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
        let wish = self.shape.wish(person, self.load.fingerprint());
        let (signaling, load) = (Arc::clone(&self.signaling), Arc::clone(&self.load));
        async move {
            let since = Load::now();
            for association in signaling.join(wish).await? {
                load.join(Joining { association, media, since }).context("the generator is gone")?;
            }
            Ok(())
        }
    }

    /// One person leaves.
    ///
    /// # Errors
    /// When the generator is gone.
    pub(crate) async fn leave(&self, person: Person) -> anyhow::Result<()> {
        // A server that does not answer a farewell will notice by itself.
        if let Err(error) = self.signaling.leave(person).await {
            tracing::debug!(%error, "a farewell was not answered");
        }
        self.load.leave(person).context("the generator is gone")
    }

    async fn shrink(&mut self, target: u32) -> anyhow::Result<()> {
        let people: Vec<Person> = self.shape.people(target, self.joined).collect();
        let leaves: Vec<_> = people.iter().map(|&person| self.leave(person)).collect();
        stream::iter(leaves).buffer_unordered(JOINS_AT_ONCE).try_collect::<()>().await?;
        self.joined = target;
        Ok(())
    }

    /// Waits until everybody who joined is connected, and says how things stand.
    ///
    /// # Errors
    /// When some fail, or take too long.
    pub(crate) async fn connected(&self) -> anyhow::Result<Snapshot> {
        let deadline = Instant::now() + CONNECT_TIME;
        loop {
            let snapshot = self.load.snapshot()?;
            let people = &snapshot.population;
            if people.failed > 0 {
                bail!("{} transports failed: {}", people.failed, snapshot.problems.join("; "));
            }
            if people.connecting == 0 {
                return Ok(snapshot);
            }
            if Instant::now() > deadline {
                bail!(
                    "{} of {} transports did not connect within {CONNECT_TIME:?}: {}",
                    people.connecting,
                    people.connecting + people.connected,
                    snapshot.problems.join("; ")
                );
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Associations that a server makes when somebody else begins to publish.
async fn pass_on(mut later: UnboundedReceiver<Association>, load: Weak<Load>) {
    while let Some(association) = later.recv().await {
        let Some(load) = load.upgrade() else { return };
        let joining = Joining { association, media: None, since: Load::now() };
        if load.join(joining).is_err() {
            return;
        }
    }
}

/// Layers that the server wants, or does not want any more.
async fn obey(mut wanted: UnboundedReceiver<Wanted>, load: Weak<Load>) {
    while let Some(wanted) = wanted.recv().await {
        let Some(load) = load.upgrade() else { return };
        if load.want_layers(wanted).is_err() {
            return;
        }
    }
}
