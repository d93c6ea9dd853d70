package api

import (
	"context"
	"slices"

	"github.com/tiltmeter/tiltmeter/api/auth"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

// projectService answers ProjectService.
type projectService struct {
	pb.UnimplementedProjectServiceServer
	store Store
}

func (s *projectService) ListProjects(ctx context.Context, _ *pb.ListProjectsRequest) (*pb.ListProjectsResponse, error) {
	all, err := s.store.Projects(ctx)
	if err != nil {
		return nil, err
	}
	p, _ := auth.FromContext(ctx)
	all = slices.DeleteFunc(all, func(one store.Project) bool { return p.Project != auth.AllProjects && p.Project != one.Name })
	return &pb.ListProjectsResponse{Projects: each(all, func(one *store.Project) *pb.Project {
		return &pb.Project{Name: validText(one.Name), FirstSeen: timestamp(one.FirstSeen), LastSeen: timestamp(one.LastSeen), Spans: one.Spans}
	})}, nil
}

// storageService answers StorageService.
type storageService struct {
	pb.UnimplementedStorageServiceServer
	store Store
}

func (s *storageService) GetStorageStatus(ctx context.Context, r *pb.GetStorageStatusRequest) (*pb.StorageStatus, error) {
	project, err := projectOf(ctx, r.GetProject())
	if err != nil {
		return nil, err
	}
	counts, err := s.store.Counts(ctx, project)
	if err != nil {
		return nil, err
	}
	out := &pb.StorageStatus{Spans: counts.Spans, Traces: counts.Traces, LogRecords: counts.Logs + counts.Fragments}
	// What all projects take together is not for those who may see one.
	if p, _ := auth.FromContext(ctx); p.Project != auth.AllProjects {
		return out, nil
	}
	tables, err := s.store.StorageStats(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		out.BytesOnDisk += t.BytesOnDisk
	}
	return out, nil
}
