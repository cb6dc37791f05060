#!/usr/bin/perl
# asker.pl LOG ADDRESS: a client that asks ADDRESS's UDP echo (port 7) every 2 ms and writes down when answers were
# missing. All times are CLOCK_MONOTONIC milliseconds; arrivals are the kernel's.
#
#   B LAST NOW              four times a second: the last answer's arrival (0: none yet), and the present
#   G FROM TO STALLED       no answer between two arrivals for more than 6 ms, STALLED ms of which we ourselves did not
#                           ask in time; a gap that our own stall explains is written with N instead of G
use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC CLOCK_REALTIME);

use constant SIOCGSTAMPNS => 0x8907;
use constant { EVERY => 2, GAP => 6, LATE => 4, BEAT => 250 };

my $ended = 0;
$SIG{TERM} = sub { $ended = 1 };

my ($path, $address) = @ARGV;
open(my $log, '>>', $path) or die "$path: $!";
socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
my $server = sockaddr_in(7, inet_aton($address));
my $stamp = pack("q2", 0, 0);
ioctl($socket, SIOCGSTAMPNS, $stamp);

sub now { return clock_gettime(CLOCK_MONOTONIC) * 1000 }

my $began = now();
my ($last, $stalled, $number) = (0, 0, 0);

sub arrived {
    my ($at) = @_;
    my $from = $last || $began;
    if ($at - $from > GAP) {
        my $explained = $stalled > 0 && $at - $from - $stalled <= GAP;
        printf $log "%s %.3f %.3f %.3f\n", $explained ? 'N' : 'G', $from, $at, $stalled;
    }
    ($last, $stalled) = ($at, 0) if $at > $last;
}

my $next = $began;
my $beat = $began;
my $before = $began;
while (!$ended) {
    my $now = now();
    # Between two turns more than 2 ms late: nobody was asked, so nobody could answer.
    $stalled += $now - $before - EVERY if $now - $before > EVERY + LATE;
    $before = $now;

    my $to_monotonic = $now - clock_gettime(CLOCK_REALTIME) * 1000;
    while (defined recv($socket, my $answer, 64, MSG_DONTWAIT)) {
        next unless ioctl($socket, SIOCGSTAMPNS, $stamp);
        my ($seconds, $nanoseconds) = unpack("q2", $stamp);
        arrived($seconds * 1000 + $nanoseconds / 1e6 + $to_monotonic);
    }
    send($socket, pack("N", ++$number), MSG_DONTWAIT, $server);
    if ($now >= $beat) {
        printf $log "B %.3f %.3f\n", $last, $now;
        $log->flush;
        $beat = $now + BEAT;
    }
    $next += EVERY;
    $next = $now + EVERY if $next < $now;
    my $wait = $next - now();
    select(undef, undef, undef, $wait / 1000) if $wait > 0;
}
printf $log "B %.3f %.3f\n", $last, now();
