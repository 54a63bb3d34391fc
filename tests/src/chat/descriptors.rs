/// Lets this process have as many connections at once as the suite makes, where it may: the usual limit of
/// 1,024 file descriptors is too low for five hundred of them, with both ends of each in one process.
pub(super) fn allow_many() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        const WANTED: u64 = 8_192;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let allowed = maximum.unwrap_or(WANTED).min(WANTED);
        if current.is_some_and(|current| current < allowed) {
            // Should it not work, the case that needs them will tell.
            let _ = setrlimit(
                Resource::Nofile,
                Rlimit {
                    current: Some(allowed),
                    maximum,
                },
            );
        }
    }
}
