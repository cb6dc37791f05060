#!/usr/bin/perl
# pages.pl LOG ADDRESS PATH LENGTH: fetches one page over and over, a new connection each time, and writes down when no
# whole page of that length came for more than 100 ms. The log is the asker's: B LAST NOW, G FROM TO 0.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

use constant { EVERY_S => 0.02, PATIENCE_S => 0.3, GAP => 100 };

my ($log_path, $address, $path, $length) = @ARGV;
open(my $log, '>>', $log_path) or die "$log_path: $!";
$log->autoflush(1);

sub now { return clock_gettime(CLOCK_MONOTONIC) * 1000 }

sub fetch {
    my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => 80, Timeout => PATIENCE_S) or return 0;
    print $socket "GET $path HTTP/1.0\r\nHost: lab\r\n\r\n";
    my ($answer, $ready) = ('', IO::Select->new($socket));
    while ($ready->can_read(PATIENCE_S)) {
        my $read = sysread($socket, $answer, 65536, length $answer);
        last unless defined $read;
        next if $read;
        my ($head, $body) = split /\r\n\r\n/, $answer, 2;
        return $head =~ m{^HTTP/1\.[01] 200 } && defined $body && length $body == $length;
    }
    return 0;
}

my ($last, $beat) = (0, 0);
$SIG{PIPE} = 'IGNORE';
while (1) {
    if (fetch()) {
        my $now = now();
        printf $log "G %.3f %.3f 0\n", $last, $now if $last && $now - $last > GAP;
        $last = $now;
    }
    my $now = now();
    if ($now - $beat >= 100) { printf $log "B %.3f %.3f\n", $last, $now; $beat = $now }
    sleep EVERY_S;
}
