#!/usr/bin/perl
# cut-power.pl PID PORT...: run in the switch's network namespace. Takes the ports' carriers away and kills the node's
# first process, and with it all others, within a millisecond. Prints when: CLOCK_MONOTONIC in ms, before and after.
use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use constant { SIOCGIFFLAGS => 0x8913, SIOCSIFFLAGS => 0x8914, IFF_UP => 1 };    # netdevice(7)

my ($pid, @ports) = @ARGV;
socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";

my $began = clock_gettime(CLOCK_MONOTONIC);
for my $port (@ports) {
    my $request = pack("a16 s x22", $port, 0);
    next unless ioctl($socket, SIOCGIFFLAGS, $request);    # the node has unmade its NIC itself
    my $flags = unpack("x16 s", $request);
    ioctl($socket, SIOCSIFFLAGS, pack("a16 s x22", $port, $flags & ~IFF_UP)) or warn "$port: $!";
}
kill 'KILL', $pid or warn "kill $pid: $!";
printf "%.3f %.3f\n", $began * 1000, clock_gettime(CLOCK_MONOTONIC) * 1000;
